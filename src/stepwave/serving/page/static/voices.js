// The choice of a voice: a button, and a list with a search box (the combobox pattern of ARIA).

import { setLabel, setText } from "./i18n.js";

const KEY = "stepwave.voice";

export class Voices {
  /** `onChoice` gets the name of a voice. */
  constructor(button, panel, onChoice) {
    this.button = button;
    this.panel = panel;
    this.search = panel.querySelector("input");
    this.list = panel.querySelector("[role=listbox]");
    this.none = panel.querySelector(".none");
    this.onChoice = onChoice;
    this.voices = [];
    this.shown = [];
    this.at = 0;
    this.kept = localStorage.getItem(KEY);
    panel.addEventListener("toggle", (event) => this.toggled(event.newState === "open"));
    this.search.oninput = () => this.filter();
    this.search.onkeydown = (event) => this.key(event);
    this.showName();
  }

  /** Voices of the server: [{name, description?, default?}]; an empty list where it tells none. */
  offer(voices) {
    this.voices = voices;
    this.showName();
  }

  /** The chosen voice's name, or null for the server's own. */
  get chosen() {
    return this.voices.some((voice) => voice.name === this.kept) ? this.kept : null;
  }

  toggled(open) {
    this.search.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.search.value = "";
    this.filter();
    this.search.focus();
  }

  filter() {
    const wanted = this.search.value.trim().toLowerCase();
    const voices = this.voices.length > 0 ? this.voices : [{ name: null }];
    const words = ({ name, description }) => `${name} ${description ?? ""}`.toLowerCase();
    this.shown = voices.filter((voice) => words(voice).includes(wanted));
    this.at = Math.max(0, this.shown.findIndex((voice) => voice.name === this.current));
    this.list.replaceChildren(...this.shown.map((voice, index) => this.option(voice, index)));
    this.none.hidden = this.shown.length > 0;
    this.point(this.at);
  }

  get current() {
    return this.chosen ?? this.voices.find((voice) => voice.default)?.name ?? this.voices[0]?.name ?? null;
  }

  option(voice, index) {
    const option = document.createElement("li");
    option.id = `voice-${index}`;
    option.role = "option";
    option.setAttribute("aria-selected", String(voice.name === this.current));
    const name = document.createElement("span");
    if (voice.name === null) setText(name, "voice.default");
    else name.textContent = voice.name;
    option.append(name);
    if (voice.description) {
      const about = document.createElement("small");
      about.textContent = voice.description;
      option.append(about);
    }
    option.onclick = () => this.choose(index);
    return option;
  }

  point(index) {
    this.at = index;
    for (const [i, option] of [...this.list.children].entries()) option.classList.toggle("pointed", i === index);
    const pointed = this.list.children[index];
    pointed?.scrollIntoView({ block: "nearest" });
    if (pointed) this.search.setAttribute("aria-activedescendant", pointed.id);
    else this.search.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.shown.length > 0) this.point((this.at + step + this.shown.length) % this.shown.length);
    else if (event.key === "Enter" && this.shown.length > 0) this.choose(this.at);
    else return;
    event.preventDefault();
  }

  choose(index) {
    const { name } = this.shown[index];
    this.panel.hidePopover();
    this.button.focus();
    if (name === null) return;
    this.kept = name;
    localStorage.setItem(KEY, name);
    this.showName();
    this.onChoice(name);
  }

  showName() {
    const name = this.current;
    const shown = this.button.querySelector("span");
    if (name === null) {
      setText(shown, "voice.default");
      setLabel(this.button, "voice.list");
    } else {
      delete shown.dataset.text;
      shown.textContent = name;
      setLabel(this.button, "voice.button", { name });
    }
  }
}
