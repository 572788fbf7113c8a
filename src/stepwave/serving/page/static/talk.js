// Talking: hold the button (or the space bar) and let go to send, or leave the microphone open and be heard.

import { setText } from "./i18n.js";
import { Microphone } from "./microphone.js";
import { encodePcm, rms, SAMPLE_RATE, toMilliseconds } from "./pcm.js";

const LEAST_MILLISECONDS = 200; // of sound in a question; the protocol refuses less than 100
const LINGER = 20_000; // milliseconds an unused microphone stays open, so that the next press loses no word
const MODE_KEY = "stepwave.mode";
const REMEMBERED = 3000; // messages of 40 ms: two minutes

export class Talk {
  /**
   * `send(event)` returns whether it was sent. `handlers`: interrupt(), asked(), level(0 to 1), modeChanged(),
   * listening(on), problem(key of i18n.js), gesture() before anything that needs the user's leave.
   */
  constructor(button, modes, hint, send, handlers) {
    this.button = button;
    this.modes = modes;
    this.hint = hint;
    this.send = send;
    this.handlers = handlers;
    this.microphone = new Microphone((samples) => this.sound(samples));
    this.held = false; // the button or the space bar
    this.on = false; // the open microphone
    this.clearSent();
    const kept = localStorage.getItem(MODE_KEY);
    for (const radio of modes) {
      radio.checked = radio.value === (kept === "open" ? "open" : "hold");
      radio.onchange = () => this.changeMode(radio.value);
    }
    this.setUpButton();
    this.show();
  }

  get mode() {
    return this.modes.find((radio) => radio.checked).value;
  }

  /** What a session is to know of it. */
  get turnDetection() {
    return this.mode === "open" ? { type: "server_vad" } : null;
  }

  setUpButton() {
    const { button } = this;
    button.onpointerdown = (event) => {
      if (event.button !== 0 || this.mode !== "hold") return;
      button.setPointerCapture(event.pointerId);
      this.press();
    };
    button.onpointerup = button.onpointercancel = () => this.release();
    button.oncontextmenu = (event) => event.preventDefault(); // a long press on a touch screen
    button.onclick = () => this.mode === "open" && this.toggle();
    addEventListener("blur", () => this.release()); // the key's release would go to another window
  }

  /** A key went down or up; true where it was for talking. */
  key(event) {
    if (event.key !== " " || this.mode !== "hold") return false;
    const { target } = event;
    if (target !== this.button && target.closest("input, textarea, button, summary, [role=option]")) return false;
    if (event.type === "keyup") this.release();
    else if (!event.repeat) this.press();
    return true;
  }

  async press() {
    if (this.held) return;
    this.held = true;
    this.appended = 0;
    this.show();
    const [opened] = await Promise.all([this.open(), this.handlers.interrupt()]);
    if (opened) {
      if (!this.held) return; // let go while the browser asked
      this.send({ type: "input_audio_buffer.clear" });
      this.sending = true;
      this.handlers.listening(true);
    } else {
      this.held = false;
      this.show();
    }
  }

  async release() {
    if (!this.held) return;
    this.held = false;
    this.show();
    if (this.sending) await this.microphone.flush();
    const spoken = this.sending;
    this.sending = false;
    this.handlers.level(0);
    this.linger();
    if (spoken && toMilliseconds(this.appended) >= LEAST_MILLISECONDS) {
      this.send({ type: "input_audio_buffer.commit" });
      this.send({ type: "response.create" });
      this.handlers.asked();
    } else {
      if (spoken) this.send({ type: "input_audio_buffer.clear" });
      this.handlers.listening(false);
      this.handlers.problem("talk.short");
    }
  }

  /** Open the microphone's line to the server, or close it. */
  async toggle() {
    this.on = !this.on;
    this.show();
    if (!this.on) {
      this.sending = false;
      this.microphone.close();
      this.send({ type: "input_audio_buffer.clear" });
    } else if (await this.open()) {
      this.sending = this.on;
    } else {
      this.on = false;
      this.show();
    }
    this.handlers.level(0);
    this.handlers.listening(this.on);
  }

  changeMode(mode) {
    localStorage.setItem(MODE_KEY, mode);
    this.on = this.sending = false;
    this.microphone.close();
    this.handlers.level(0);
    this.handlers.listening(false);
    this.show();
    this.handlers.modeChanged();
  }

  async open() {
    clearTimeout(this.lingering);
    try {
      await this.handlers.gesture();
      await this.microphone.open();
      return true;
    } catch (error) {
      this.handlers.problem(error.message);
      return false;
    }
  }

  linger() {
    clearTimeout(this.lingering);
    this.lingering = setTimeout(() => this.held || this.on || this.microphone.close(), LINGER);
  }

  sound(samples) {
    if (!this.sending) return;
    this.handlers.level(rms(samples));
    if (!this.send({ type: "input_audio_buffer.append", audio: encodePcm(samples) })) return;
    this.appended += samples.length;
    this.sent += samples.length;
    this.times.push([this.sent, performance.now()]);
    if (this.times.length > REMEMBERED) this.times.shift();
  }

  /** A new conversation counts its sound anew. */
  clearSent() {
    this.sent = 0;
    this.appended = 0;
    this.times = []; // [samples sent, when the last of them was recorded]
  }

  /** When (performance.now) the sound at so many milliseconds of the conversation was recorded; null if unknown. */
  sentTime(milliseconds) {
    const samples = (milliseconds * SAMPLE_RATE) / 1000;
    const found = this.times.find(([sent]) => sent >= samples);
    return found ? found[1] - toMilliseconds(found[0] - samples) : null;
  }

  show() {
    const open = this.mode === "open";
    const active = open ? this.on : this.held;
    this.button.classList.toggle("active", active);
    this.button.setAttribute("aria-pressed", String(active));
    const words = open ? (active ? "talk.stop" : "talk.start") : active ? "talk.held" : "talk.hold";
    setText(this.button.querySelector(".talk-words"), words);
    setText(this.hint, open ? "talk.hint.open" : "talk.hint.hold");
  }
}
