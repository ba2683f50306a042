// Ids: 128 random bits as 26 characters of lower-case base32 (RFC 4648 alphabet, no padding).

declare const brand: unique symbol;
/** Lets its holder write: the address of an upload. */
export type UploadId = string & { readonly [brand]: "upload" };
/** Lets its holder read: the address of a file. Neither id follows from the other. */
export type FileId = string & { readonly [brand]: "file" };

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const ID = /^[a-z2-7]{25}[aeimquy4]$/;

/** Random bytes that an id is made of. */
export const ID_BYTES = 16;

/** Encodes 16 random bytes (more are not used, fewer would be an id that can be guessed: RangeError); the last character carries 3 of them, so only 8 letters can stand there. */
export function encodeId(random: Uint8Array): string {
  if (random.length < ID_BYTES) throw new RangeError(`an id needs ${ID_BYTES} random bytes`);
  return encodeBase32(random.subarray(0, ID_BYTES));
}

/** Lower-case base32 without padding: 5 bits a character, zeros behind the last ones. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
      held &= (1 << bits) - 1;
    }
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

export function uploadId(random: Uint8Array): UploadId {
  return encodeId(random) as UploadId;
}

export function fileId(random: Uint8Array): FileId {
  return encodeId(random) as FileId;
}

export function isUploadId(text: string): text is UploadId {
  return ID.test(text);
}

export function isFileId(text: string): text is FileId {
  return ID.test(text);
}

/** A signed link's own name, by which it can be taken back: no secret, and worth nothing without what signs it. */
export function isLinkId(text: string): boolean {
  return isFileId(text);
}
