// Base64 with the standard alphabet and padding, strict: one text per byte string (RFC 4648 section 4).

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64 =
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;
const VALUES = new Uint8Array(128);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

export function encodeBase64(bytes: Uint8Array): string {
  const native = (bytes as { toBase64?: () => string }).toBase64;
  if (native) return native.call(bytes);
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

/** The bytes of a text, or undefined where it is not exactly what `encodeBase64` writes. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!BASE64.test(text)) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let from = 0, to = 0; from < text.length; from += 4, to += 3) {
    const held =
      ((VALUES[text.charCodeAt(from)] ?? 0) << 18) |
      ((VALUES[text.charCodeAt(from + 1)] ?? 0) << 12) |
      ((VALUES[text.charCodeAt(from + 2)] ?? 0) << 6) |
      (VALUES[text.charCodeAt(from + 3)] ?? 0);
    bytes[to] = held >> 16;
    bytes[to + 1] = (held >> 8) & 255;
    bytes[to + 2] = held & 255;
  }
  return bytes;
}
