// The conversation as it is read: what both said, tool calls, and where an interruption cut an answer.

import { indented } from "./json.js";
import { setText, setWords } from "./i18n.js";

const MOST_TURNS = 400; // older ones are taken off the page
const IN_WORD = /[\p{Script=Latin}\p{N}'’-]/u;
const NEAR = 120; // pixels from the end within which new words keep the end in sight

/** An element of the page: make("p", "text", ...children). */
function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}

export class Transcript {
  /** `list` is the <ol>, `welcome` what stands there before anyone spoke, `scroller` what scrolls. */
  constructor(list, welcome, scroller) {
    this.list = list;
    this.welcome = welcome;
    this.scroller = scroller;
    new ResizeObserver(() => this.follow()).observe(scroller); // a notice takes room from it
  }

  /** A new turn of "user" or "assistant". */
  turn(who) {
    return this.add(new Turn(who, () => this.follow()));
  }

  /** A tool call that has begun. */
  tool(name) {
    return this.add(new ToolCall(name, () => this.follow()));
  }

  /** A remark of the page itself. */
  remark(key, values) {
    const words = make("p");
    setText(words, key, values);
    this.add({ element: make("li", "remark", words) });
  }

  add(entry) {
    this.welcome.hidden = true;
    this.list.append(entry.element);
    while (this.list.children.length > MOST_TURNS) this.list.firstElementChild.remove();
    this.follow(true);
    return entry;
  }

  follow(always = false) {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    if (always || scrollHeight - scrollTop - clientHeight < NEAR) this.scroller.scrollTop = scrollHeight;
  }
}

class Turn {
  constructor(who, changed) {
    this.changed = changed;
    this.words = "";
    this.text = make("p", "text");
    this.about = make("p", "about");
    const name = make("p", "who");
    setText(name, `who.${who}`);
    this.element = make("li", `turn ${who}`, name, make("div", "bubble", this.text), this.about);
    // Screen readers wait with a turn until it is complete.
    this.element.setAttribute("aria-busy", "true");
  }

  add(words) {
    if (!this.isCut) this.say(this.words + words);
  }

  say(words) {
    if (this.isCut) return;
    this.words = words;
    this.element.classList.remove("pending");
    setWords(this.text, words);
    this.changed();
  }

  /** In place of words that aren't there (yet): a text of the page. */
  stand(key, values) {
    this.element.classList.add("pending");
    setText(this.text, key, values);
    this.changed();
  }

  complete() {
    this.element.removeAttribute("aria-busy");
  }

  /** A line under the turn. */
  tell(key, values) {
    const line = make("span", key.startsWith("turn.latency") ? "latency" : "fate");
    setText(line, key, values);
    this.about.append(line);
    this.changed();
  }

  /** Mark where an interruption cut it: only `share` (0 to 1) of its words was heard. */
  cut(share) {
    if (this.isCut) return;
    const at = wordBoundary(this.words, Math.round(this.words.length * share));
    this.isCut = true;
    const mark = make("span", "cut");
    setText(mark, "turn.cut");
    delete this.text.dataset.text;
    this.element.classList.remove("pending");
    this.text.replaceChildren(make("span", "heard", this.words.slice(0, at).trimEnd()), " ", mark);
    const unheard = this.words.slice(at).trim();
    if (unheard) {
      const told = make("span", "visually-hidden");
      setText(told, "turn.unheard");
      this.text.append(" ", make("span", "unheard", told, unheard));
    }
    this.complete();
    this.changed();
  }
}

/** The place at or before `at` where no Latin word is torn apart. */
function wordBoundary(words, at) {
  if (at >= words.length) return words.length;
  const isInside = () => IN_WORD.test(words[at - 1]) && IN_WORD.test(words[at]);
  while (at > 0 && isInside()) at--;
  return at;
}

class ToolCall {
  constructor(name, changed) {
    this.changed = changed;
    this.state = make("span", "tool-state");
    this.words = make("pre", "tool-arguments");
    this.result = make("pre", "tool-result");
    this.title = make("p", "tool-title");
    const title = make("p", "tool-title");
    setText(title, "tool.arguments");
    this.resultPart = make("div", "tool-part", this.title, this.result);
    this.resultPart.hidden = true;
    const summary = make("summary", "", make("code", "tool-name", name), this.state);
    this.details = make("details", "tool", summary, make("div", "tool-part", title, this.words), this.resultPart);
    this.details.open = true;
    this.element = make("li", "turn tool-call", this.details);
    this.element.setAttribute("aria-busy", "true"); // as with turns
    setText(this.state, "tool.calling");
  }

  add(piece) {
    this.words.textContent += piece;
    this.changed();
  }

  /** The arguments are complete. */
  say(json) {
    this.words.textContent = indented(json);
    this.element.removeAttribute("aria-busy");
    this.show("tool.waiting");
  }

  /** What is going on: a text of the page. */
  show(key) {
    setText(this.state, key);
    this.changed();
  }

  /** It is over: the result can be opened. */
  answer(output) {
    this.end("tool.done", "tool.result", indented(output));
    this.details.open = false;
  }

  fail(reason) {
    this.element.classList.add("failed");
    this.end("tool.failed", "tool.error", reason);
  }

  end(state, title, words) {
    setText(this.title, title);
    this.result.textContent = words;
    this.resultPart.hidden = false;
    this.show(state);
  }
}
