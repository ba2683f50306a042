// Base64 with the standard alphabet and padding (RFC 4648 section 4).

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NOT_IN_ALPHABET = 255;
const VALUES = new Uint8Array(128).fill(NOT_IN_ALPHABET);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

export function encodeBase64(bytes: Uint8Array): string {
  const native = (bytes as { toBase64?: () => string }).toBase64;
  return native ? native.call(bytes) : encodePortably(bytes);
}

/** Bytes that one piece has at most: a multiple of 3, so that their base64 stands side by side. */
const PIECE_SIZE: number = 96 * 1024;

/** The same text piece by piece, for what is too large to be in memory twice. */
export function* base64Pieces(bytes: Uint8Array): Generator<string, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_SIZE)
    yield encodeBase64(bytes.subarray(at, at + PIECE_SIZE));
}

/** Length of the base64 of `size` bytes. */
export function base64Size(size: number): number {
  return Math.ceil(size / 3) * 4;
}

/** For browsers that do not have `toBase64` yet. */
export function encodePortably(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    const held = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const four = [held >> 18, (held >> 12) & 63, (held >> 6) & 63, held & 63]
      .map((v) => ALPHABET[v])
      .join("");
    const spare = at + 3 - bytes.length;
    pieces.push(spare <= 0 ? four : four.slice(0, 4 - spare) + "=".repeat(spare));
  }
  return pieces.join("");
}

/** The bytes of a text, or undefined where it is not exactly what `encodeBase64` writes: one text per byte string. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = decodeBase64Loosely(text);
  return bytes && encodeBase64(bytes) === text ? bytes : undefined;
}

/** Like `decodeBase64`, but padding may be missing and spare bits may be set: RFC 9651 asks that of who reads a header (section 4.2.7). */
export function decodeBase64Loosely(text: string): Uint8Array | undefined {
  const used = text.endsWith("==") ? text.length - 2 : text.length - (text.endsWith("=") ? 1 : 0);
  if ((used < text.length && text.length % 4 !== 0) || used % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((used * 3) / 4));
  let held = 0;
  let bits = 0;
  let to = 0;
  // A loop, not a regular expression: those overflow their stack on the megabytes that a manifest's digests take.
  for (let from = 0; from < used; from++) {
    const value = VALUES[text.charCodeAt(from)] ?? NOT_IN_ALPHABET;
    if (value === NOT_IN_ALPHABET) return undefined;
    held = ((held & 0xff) << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[to++] = held >> bits;
    }
  }
  return bytes;
}
