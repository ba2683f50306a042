// Digests and the header fields that carry them: RFC 9530 Content-Digest and Repr-Digest, and our Part-Digest.
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { HoldfastError } from "./errors.ts";
import { RUN_PARTS_MAX } from "./grid.ts";

/** Part digest algorithms, with their number in the root and their size in bytes. */
export const ALGORITHMS = {
  "sha-256": { number: 1, digestSize: 32 },
  blake3: { number: 2, digestSize: 32 },
} as const;

export type Algorithm = keyof typeof ALGORITHMS;

/** Size of every part digest, in bytes. */
export const DIGEST_SIZE = 32;

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === "string" && Object.hasOwn(ALGORITHMS, name);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}

/** `sha-256=:...:`, the value of Content-Digest and Repr-Digest. */
export function encodeDigest(algorithm: Algorithm, digest: Uint8Array): string {
  return `${algorithm}=:${encodeBase64(digest)}:`;
}

/** `sha-256=(:...: :...:)`, the digests of a run in order. */
export function encodePartDigests(algorithm: Algorithm, digests: readonly Uint8Array[]): string {
  return `${algorithm}=(${digests.map((digest) => `:${encodeBase64(digest)}:`).join(" ")})`;
}

/**
 * The digest of one algorithm in a Content-Digest or Repr-Digest field; members of other algorithms are passed over.
 *
 * @throws HoldfastError `invalid_digest` where the field is malformed or has no such member.
 */
export function decodeDigest(field: string, algorithm: Algorithm): Uint8Array {
  const value = dictionaryMember(field, algorithm);
  const digest = value.startsWith(":") ? decodeItem(value) : undefined;
  if (!digest) throw malformed(`${algorithm} must be one byte sequence of ${DIGEST_SIZE} bytes`);
  return digest;
}

/**
 * The digests of a run in a Part-Digest field, at most 64.
 *
 * @throws HoldfastError `invalid_digest` where the field is malformed or has no such member.
 */
export function decodePartDigests(field: string, algorithm: Algorithm): readonly Uint8Array[] {
  const value = dictionaryMember(field, algorithm);
  const list = /^\( *(.*?) *\)$/.exec(value)?.[1];
  if (list === undefined) throw malformed(`${algorithm} must be a list in parentheses`);
  const items = list === "" ? [] : list.split(/ +/);
  if (items.length > RUN_PARTS_MAX) throw malformed(`at most ${RUN_PARTS_MAX} digests`);
  return items.map((item) => {
    const digest = decodeItem(item);
    if (!digest) throw malformed(`each digest must be a byte sequence of ${DIGEST_SIZE} bytes`);
    return digest;
  });
}

/** A member of a structured dictionary whose values are byte sequences or lists of them (RFC 9651 section 4.2.2); the last one of a name counts. */
function dictionaryMember(field: string, name: string): string {
  let found: string | undefined;
  for (const member of field.split(",")) {
    const [, key, value] =
      /^[ \t]*([a-z*][a-z0-9_.*-]*)=(:[A-Za-z0-9+/=]*:|\([A-Za-z0-9+/=: ]*\))[ \t]*$/.exec(
        member,
      ) ?? [];
    if (key === undefined || value === undefined)
      throw malformed("it is not a dictionary of byte sequences");
    if (key === name) found = value;
  }
  if (found === undefined) throw malformed(`it has no ${name}`);
  return found;
}

function decodeItem(item: string): Uint8Array | undefined {
  const text = /^:([^:]*):$/.exec(item)?.[1];
  const bytes = text === undefined ? undefined : decodeBase64(text);
  return bytes?.length === DIGEST_SIZE ? bytes : undefined;
}

function malformed(why: string): HoldfastError {
  return new HoldfastError("invalid_digest", `the digest field is malformed: ${why}`);
}
