// Turns the microphone's sound into messages of 40 ms, PCM16 at 24 kHz, mono.
//
// Tells Int16Array of 960 samples; {type: "flush"} makes it tell the rest at once, then the string "flushed".

const RATE = 24000;
const MESSAGE = 960; // samples: 40 ms
const HALF_WIDTH = 16; // zero crossings of the filter on each side

/** Windowed-sinc resampling of a stream: from any rate to 24 kHz, without aliases, whatever the block length. */
class Resampler {
  constructor(from) {
    this.step = from / RATE; // input samples per output sample
    this.cutoff = Math.min(1, 1 / this.step) * 0.95; // leaves the filter room to fall before half the lower rate
    this.reach = Math.ceil(HALF_WIDTH / this.cutoff);
    this.input = new Float32Array(this.reach); // silence before the first sample
    this.at = this.reach; // where the next output lies in `input`
  }

  push(block) {
    const input = new Float32Array(this.input.length + block.length);
    input.set(this.input);
    input.set(block, this.input.length);
    const output = [];
    for (; this.at + this.reach < input.length; this.at += this.step) output.push(this.sample(input));
    const used = Math.max(0, Math.floor(this.at) - this.reach);
    this.input = input.slice(used);
    this.at -= used;
    return output;
  }

  sample(input) {
    let sum = 0;
    for (let i = Math.ceil(this.at - this.reach); i <= this.at + this.reach; i++) {
      const distance = i - this.at;
      const phase = Math.PI * this.cutoff * distance;
      const sinc = phase === 0 ? 1 : Math.sin(phase) / phase;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.reach);
      sum += input[i] * this.cutoff * sinc * window;
    }
    return sum;
  }
}

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === RATE ? null : new Resampler(sampleRate);
    this.message = new Int16Array(MESSAGE);
    this.filled = 0;
    this.port.onmessage = () => {
      if (this.filled > 0) this.send();
      this.port.postMessage("flushed");
    };
  }

  process([channels]) {
    if (channels.length > 0) {
      const mono = this.mix(channels);
      for (const sample of this.resampler ? this.resampler.push(mono) : mono) this.add(sample);
    }
    return true;
  }

  mix(channels) {
    if (channels.length === 1) return channels[0];
    return channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
  }

  add(sample) {
    this.message[this.filled++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
    if (this.filled === MESSAGE) this.send();
  }

  send() {
    const message = this.message.slice(0, this.filled);
    this.filled = 0;
    this.port.postMessage(message, [message.buffer]);
  }
}

registerProcessor("capture", Capture);
