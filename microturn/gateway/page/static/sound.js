// @ts-check
// Samples as the wire carries them: 16 bits, little endian, base64. Little-endian machines only, as all browsers run on.

export const RATE_HZ = 16_000; // what the model hears: nothing is resampled on the way
export const FRAME_MS = 20;

/** @param {Int16Array} samples */
export function encoded(samples) {
  let text = "";
  for (const byte of new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)) text += String.fromCharCode(byte);
  return btoa(text);
}

/** @param {string} text */
export function decoded(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/** @param {Float32Array} floats */
export function toInt16(floats) {
  return Int16Array.from(floats, (value) => Math.max(-32_768, Math.min(32_767, Math.round(value * 32_768))));
}
