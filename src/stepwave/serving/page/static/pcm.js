// PCM16 as the Realtime protocol carries it: base64 of little-endian samples, mono, 24 kHz.

export const SAMPLE_RATE = 24000;

/** Base64 of Int16Array samples. */
export function encodePcm(samples) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const parts = [];
  // String.fromCharCode takes its bytes as arguments, of which a browser allows some tens of thousands.
  for (let start = 0; start < bytes.length; start += 8192) {
    parts.push(String.fromCharCode(...bytes.subarray(start, start + 8192)));
  }
  return btoa(parts.join(""));
}

/** Int16Array of base64; a trailing odd byte is left out. */
export function decodePcm(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length & ~1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return new Int16Array(bytes.buffer);
}

/** Int16Array of float samples in -1 to 1; louder ones are clipped. */
export function toPcm(samples) {
  const pcm = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    pcm[i] = Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767);
  }
  return pcm;
}

/** Root mean square of Int16Array samples, 0 to 1. */
export function rms(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(1, samples.length)) / 32768;
}

export const toMilliseconds = (samples) => Math.round((samples * 1000) / SAMPLE_RATE);
