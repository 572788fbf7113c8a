// A sound file that was dropped or chosen, as PCM16 at 24 kHz.

import { SAMPLE_RATE, toPcm } from "./pcm.js";

const MOST_BYTES = 100 * 1024 * 1024;
const MOST_SECONDS = 180; // its base64 stays under the server's bound on a message

/** What is wrong with a file, as a key of i18n.js with its values. */
export class RecordingError extends Error {
  constructor(key, values = {}) {
    super(key);
    this.values = values;
  }
}

/** Int16Array of a File: decoded and resampled by the browser, its channels averaged. Raises RecordingError. */
export async function readRecording(file) {
  if (file.size > MOST_BYTES) throw new RecordingError("file.large", { name: file.name });
  let sound;
  try {
    // A context decodes to its own rate: this one is there for nothing else.
    sound = await new OfflineAudioContext(1, 1, SAMPLE_RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new RecordingError("file.unreadable", { name: file.name });
  }
  if (sound.duration > MOST_SECONDS) throw new RecordingError("file.long", { name: file.name, most: MOST_SECONDS });
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    sound.getChannelData(channel).forEach((sample, i) => (mono[i] += sample / sound.numberOfChannels));
  }
  return toPcm(mono);
}
