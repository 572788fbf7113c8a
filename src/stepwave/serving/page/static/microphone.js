// The microphone: asks for it, and hands on its sound as PCM16 at 24 kHz, in messages of 40 ms.

import { SAMPLE_RATE } from "./pcm.js";

/** What went wrong, as a key of i18n.js. */
export class MicrophoneError extends Error {}

export class Microphone {
  /** `onSound` gets Int16Array messages. */
  constructor(onSound) {
    this.onSound = onSound;
    this.flushed = [];
  }

  get isOpen() {
    return Boolean(this.node);
  }

  /** Open it, where it isn't open. Raises MicrophoneError. */
  async open() {
    this.opening ??= this.start();
    try {
      await this.opening;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async start() {
    if (!navigator.mediaDevices) throw new MicrophoneError("microphone.insecure");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw new MicrophoneError(error.name === "NotAllowedError" ? "microphone.denied" : "microphone.none");
    }
    const source = await this.listen();
    await this.context.audioWorklet.addModule("/page/capture-worklet.js");
    this.node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => {
      if (data === "flushed") this.flushed.shift()?.();
      else this.onSound(data);
    };
    source.connect(this.node);
    await this.context.resume();
  }

  async listen() {
    this.context = new AudioContext({ sampleRate: SAMPLE_RATE });
    try {
      return this.context.createMediaStreamSource(this.stream);
    } catch {
      // Firefox connects a microphone to a context of the microphone's own rate only; the worklet resamples then.
      await this.context.close();
      this.context = new AudioContext();
      return this.context.createMediaStreamSource(this.stream);
    }
  }

  /** Resolves when all that was said until now has been handed on. */
  flush() {
    if (!this.node) return Promise.resolve();
    return new Promise((resolve) => {
      this.flushed.push(resolve);
      this.node.port.postMessage({ type: "flush" });
    });
  }

  /** Let go of the microphone; the browser stops showing that it is in use. */
  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.context?.close().catch(() => {}); // closed already where opening failed half-way
    for (const resolve of this.flushed.splice(0)) resolve();
    this.stream = this.context = this.node = this.opening = null;
  }
}
