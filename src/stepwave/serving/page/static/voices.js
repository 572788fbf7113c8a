// The choice of a voice: a button, and a list with a search box (the combobox pattern of ARIA).
//
// The server tells some hundred voices; they are searched here. Where it has more, it is asked, too.

import { setLabel, setText, setWords } from "./i18n.js";

const KEY = "stepwave.voice";
const PAUSE = 250; // milliseconds without a key, after which the server is asked

export class Voices {
  /** `onChoice` gets the name of a voice; `find(words, signal)` gives the server's voices that fit words best. */
  constructor(button, panel, onChoice, find) {
    this.button = button;
    this.panel = panel;
    this.search = panel.querySelector("input");
    this.list = panel.querySelector("[role=listbox]");
    this.note = panel.querySelector(".note");
    this.onChoice = onChoice;
    this.find = find;
    this.voices = [];
    this.more = false;
    this.shown = [];
    this.at = 0;
    this.kept = localStorage.getItem(KEY);
    panel.addEventListener("toggle", (event) => this.toggled(event.newState === "open"));
    this.search.oninput = () => this.filter();
    this.search.onkeydown = (event) => this.key(event);
    this.showName();
  }

  /**
   * Voices of the server, [{name, description?, default?, library?}], an empty list where it tells none, and whether
   * it has more of them. The one that was chosen earlier may be among those.
   */
  async offer({ voices, more = false }) {
    this.voices = voices;
    this.more = more;
    if (more && this.kept !== null && this.chosen === null) {
      const found = await this.found(this.kept);
      this.voices.push(...found.filter(({ name }) => name === this.kept));
    }
    this.showName();
  }

  /** The chosen voice's name, or null for the server's own. */
  get chosen() {
    return this.voices.some((voice) => voice.name === this.kept) ? this.kept : null;
  }

  toggled(open) {
    this.search.setAttribute("aria-expanded", String(open));
    this.withdraw();
    if (!open) return;
    this.search.value = "";
    this.filter();
    this.search.focus();
  }

  /** Show what fits, here at once, and where the server has more, what it finds a moment later. */
  filter() {
    const wanted = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const voices = this.voices.length > 0 ? this.voices : [{ name: null }];
    const words = ({ name, description }) => `${name} ${description ?? ""}`.toLowerCase();
    const fitting = voices.filter((voice) => wanted.every((word) => words(voice).includes(word)));
    this.withdraw();
    this.show(fitting, fitting.findIndex((voice) => voice.name === this.current));
    const asks = this.more && wanted.length > 0;
    if (this.more && !asks) setText(this.note, "voice.more");
    else if (asks && fitting.length === 0) setText(this.note, "voice.searching");
    if (asks) this.waiting = setTimeout(() => this.ask(), PAUSE);
  }

  async ask() {
    this.asking = new AbortController();
    const { signal } = this.asking;
    const found = await this.found(this.search.value.trim(), signal);
    if (signal.aborted) return;
    const names = new Set(this.shown.map(({ name }) => name));
    this.show([...this.shown, ...found.filter(({ name }) => !names.has(name))], this.at);
  }

  /** What the server finds; nothing where it can't be asked. */
  async found(words, signal) {
    try {
      return await this.find(words, signal);
    } catch {
      return [];
    }
  }

  /** Ask the server nothing any more, and heed no answer. */
  withdraw() {
    clearTimeout(this.waiting);
    this.asking?.abort();
  }

  show(voices, at) {
    this.shown = voices;
    this.list.replaceChildren(...voices.map((voice, index) => this.option(voice, index)));
    if (voices.length > 0) setWords(this.note, "");
    else setText(this.note, "voice.none");
    this.point(Math.max(0, at));
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
    if (voice.library) {
      const whence = document.createElement("small");
      whence.className = "whence";
      setText(whence, "voice.library");
      option.append(whence);
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
    if (event.isComposing) return; // Enter belongs to an input method (Chinese, say)
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
    if (!this.voices.some((voice) => voice.name === name)) this.voices.push(this.shown[index]);
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
