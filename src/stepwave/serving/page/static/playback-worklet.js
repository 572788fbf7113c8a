// Plays what is pushed, seamlessly: a ring buffer, a jitter buffer before it starts, a fade wherever sound begins,
// stops or runs dry. It counts what was really played, per item.
//
// Takes: {type: "push", item, samples: Int16Array}, {type: "end", item}, {type: "stop", number}.
// Tells: {type: "started", item}, {type: "progress", item, played, level, buffered},
//        {type: "finished", item, played}, {type: "stopped", number, item, played},
//        {type: "underrun", count, target}, {type: "overflow", item}.
// `played` and `buffered` are samples, `level` is 0 to 1.

const FADE = 120; // samples: 5 ms at 24 kHz, too short to hear and long enough not to click
const CAPACITY = 300; // seconds of sound that may wait: a fast server sends whole answers at once
const FIRST_TARGET = 0.12; // seconds that wait before sound starts
const LAST_TARGET = 1.0;
const GROWTH = 1.5; // of the target, after each underrun
const REPORT = 0.05; // seconds between reports

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Int16Array(CAPACITY * sampleRate);
    this.read = 0;
    this.waiting = 0; // samples in the ring
    this.items = []; // {item, left, played, ended, told} in the order they are played
    this.target = Math.round(FIRST_TARGET * sampleRate);
    this.underruns = 0;
    this.playing = false;
    this.stopping = false;
    this.gain = 0;
    this.energy = 0;
    this.sinceReport = 0;
    this.later = []; // messages that came during the fade of a stop: they are about what comes after it
    this.port.onmessage = ({ data }) => {
      if (this.stopping) this.later.push(data);
      else this.take(data);
    };
  }

  take(message) {
    if (message.type === "push") this.push(message.item, message.samples);
    else if (message.type === "end") this.end(message.item);
    else if (message.type === "stop") this.stop(message.number);
  }

  push(name, samples) {
    let last = this.items.at(-1);
    if (last?.item !== name) {
      if (last) this.end(last.item);
      last = { item: name, left: 0, played: 0, ended: false, told: false };
      this.items.push(last);
    }
    if (this.waiting + samples.length > this.ring.length) {
      this.port.postMessage({ type: "overflow", item: name });
      return;
    }
    const write = (this.read + this.waiting) % this.ring.length;
    const before = Math.min(samples.length, this.ring.length - write);
    this.ring.set(samples.subarray(0, before), write);
    this.ring.set(samples.subarray(before), 0);
    this.waiting += samples.length;
    last.left += samples.length;
  }

  end(name) {
    const item = this.items.find((one) => one.item === name);
    if (item) item.ended = true;
    this.finishItems();
  }

  stop(number) {
    this.stopNumber = number;
    if (this.playing && this.waiting > 0) this.stopping = true;
    else this.drop();
  }

  /** Forget what waits, and tell how much of the item at hand was played. */
  drop() {
    const [at] = this.items;
    const told = { number: this.stopNumber, item: at?.item ?? null, played: at?.played ?? 0 };
    this.port.postMessage({ type: "stopped", ...told });
    this.items = [];
    this.waiting = 0;
    this.playing = false;
    this.stopping = false;
    this.gain = 0;
    for (const message of this.later.splice(0)) this.take(message);
  }

  /** Whether nothing more comes for what waits, so that running dry is no fault. */
  get complete() {
    return this.items.every((item) => item.ended);
  }

  process(_inputs, [[left, ...others]]) {
    if (!this.playing && this.waiting > 0 && (this.waiting >= this.target || this.complete)) this.playing = true;
    for (let i = 0; i < left.length; i++) left[i] = this.playing ? this.next() : 0;
    for (const channel of others) channel.set(left);
    this.report(left);
    return true;
  }

  next() {
    // One rule for all fades: full gain while there is more than a fade's worth to play, else towards silence.
    const wanted = !this.stopping && this.waiting > FADE ? 1 : 0;
    this.gain = Math.max(0, Math.min(1, this.gain + (wanted ? 1 : -1) / FADE));
    if (this.stopping && this.gain === 0) {
      this.drop();
      return 0;
    }
    const sample = (this.ring[this.read] / 32768) * this.gain;
    this.read = (this.read + 1) % this.ring.length;
    this.waiting -= 1;
    const item = this.items.find((one) => one.left > 0);
    if (!item.told) {
      item.told = true;
      this.port.postMessage({ type: "started", item: item.item });
    }
    item.left -= 1;
    item.played += 1;
    if (item.left === 0) this.finishItems();
    if (this.waiting === 0) this.runDry();
    return sample;
  }

  finishItems() {
    while (this.items.length > 0 && this.items[0].ended && this.items[0].left === 0) {
      const { item, played } = this.items.shift();
      this.port.postMessage({ type: "finished", item, played });
    }
  }

  runDry() {
    this.playing = false;
    this.gain = 0;
    if (this.stopping) this.drop();
    if (this.items.length === 0) return;
    this.underruns += 1;
    this.target = Math.min(Math.round(this.target * GROWTH), LAST_TARGET * sampleRate);
    this.port.postMessage({ type: "underrun", count: this.underruns, target: this.target });
  }

  report(block) {
    for (const sample of block) this.energy += sample * sample;
    this.sinceReport += block.length;
    if (this.sinceReport < REPORT * sampleRate) return;
    const level = Math.sqrt(this.energy / this.sinceReport);
    this.energy = 0;
    this.sinceReport = 0;
    const at = this.items.find((one) => one.left > 0) ?? this.items.at(-1);
    if (!at && level === 0 && this.quiet) return;
    this.quiet = !at && level === 0;
    this.port.postMessage({
      type: "progress", item: at?.item ?? null, played: at?.played ?? 0, level, buffered: this.waiting,
    });
  }
}

registerProcessor("playback", Playback);
