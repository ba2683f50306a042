// A token as a text: `hf_<id>_<secret>`. The id may be shown and logged, the secret is kept by whoever was given it.
import { hash, timingSafeEqual } from "node:crypto";
import type { Random } from "@holdfast/engine";
import { encodeBase32 } from "@holdfast/protocol";

/** 160 bits: nobody guesses it, and so one round of SHA-256 is enough to keep it by. */
const SECRET_BYTES = 20;
const ID_BYTES = 5;
const TOKEN = /^hf_([a-z2-7]{8})_([a-z2-7]{32})$/;

export interface NewToken {
  readonly id: string;
  /** Shown once, stored nowhere. */
  readonly text: string;
  /** SHA-256 of the secret, in hexadecimal. */
  readonly hash: string;
}

export function makeToken(random: Random): NewToken {
  const id = encodeBase32(random.bytes(ID_BYTES));
  const secret = encodeBase32(random.bytes(SECRET_BYTES));
  return { id, text: `hf_${id}_${secret}`, hash: sha256Hex(secret) };
}

/** The two halves of a token, or undefined for any other text. */
export function parseToken(
  text: string,
): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function sha256Hex(text: string): string {
  return hash("sha256", text);
}

/** Nothing has this hash: what an unknown id is compared with, so that it takes as long as a known one. */
export const NO_HASH: string = "0".repeat(64);

/** Whether a secret has the hash. Both sides have one length, so the comparison takes one time whatever was sent. */
export function isHashOf(expected: string, secret: string): boolean {
  return timingSafeEqual(hash("sha256", secret, "buffer"), Buffer.from(expected, "hex"));
}
