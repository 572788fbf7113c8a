// The answer's sound: hands what arrives to the playback worklet and tells what was really played.

import { SAMPLE_RATE } from "./pcm.js";

const STARTING = 5_000; // milliseconds

export class Player {
  /**
   * `handlers`: started(item), finished(item), underrun(count, target in samples), overflow(item), level(0 to 1).
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.node = null;
    this.early = []; // messages from before the worklet was there
    this.stops = new Map(); // by number: those who wait to hear how much was played
    this.stopCount = 0;
  }

  /**
   * Begin to play sound; browsers allow it from within a key press or click only. Harmless when repeated. Rejects where
   * sound doesn't run after five seconds: Firefox waits for ever where there is no loudspeaker.
   */
  async open() {
    this.context ??= new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
    this.opening ??= this.load();
    await Promise.all([this.running(), this.opening]);
  }

  running() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no loudspeaker answers")), STARTING);
      this.context.resume().then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async load() {
    await this.context.audioWorklet.addModule("/page/playback-worklet.js");
    this.node = new AudioWorkletNode(this.context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }) => this.told(data);
    this.node.connect(this.context.destination);
    for (const message of this.early.splice(0)) this.node.port.postMessage(message);
  }

  /** Play Int16Array samples as the next sound of an item. */
  push(item, samples) {
    this.tell({ type: "push", item, samples });
  }

  /** No more sound comes for an item. */
  end(item) {
    this.tell({ type: "end", item });
  }

  /**
   * Fade out and forget what waits. Resolves to {item, played}: how many samples of which item were played; item is
   * null where none was at hand.
   */
  stop() {
    this.early = [];
    const number = ++this.stopCount;
    if (this.node) this.tell({ type: "stop", number });
    // A context that doesn't run may not answer, and plays nothing.
    if (this.context?.state !== "running" || !this.node) return Promise.resolve({ item: null, played: 0 });
    return new Promise((resolve) => this.stops.set(number, resolve));
  }

  /** Seconds between a sample's leaving the worklet and its being heard. */
  get delay() {
    return this.context?.outputLatency || 0;
  }

  tell(message) {
    if (this.node) this.node.port.postMessage(message);
    else this.early.push(message);
  }

  told(message) {
    const { handlers } = this;
    if (message.type === "started") handlers.started(message.item);
    else if (message.type === "finished") handlers.finished(message.item);
    else if (message.type === "underrun") handlers.underrun(message.count, message.target);
    else if (message.type === "overflow") handlers.overflow(message.item);
    else if (message.type === "progress") handlers.level(message.level);
    else if (message.type === "stopped") {
      this.stops.get(message.number)?.({ item: message.item, played: message.played });
      this.stops.delete(message.number);
    }
  }
}
