// Light or dark: as the system has it, or as chosen and remembered.

import { setLabel } from "./i18n.js";

const KEY = "stepwave.theme";
const THEMES = ["auto", "light", "dark"];

/** Make a button go through the themes. */
export function setUpTheme(button) {
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    setLabel(button, `theme.${theme}`);
  };
  const kept = localStorage.getItem(KEY);
  show(THEMES.includes(kept) ? kept : "auto");
  button.onclick = () => {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    localStorage.setItem(KEY, next);
    show(next);
  };
}
