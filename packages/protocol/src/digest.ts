// Digests and the header fields that carry them: RFC 9530 Content-Digest and Repr-Digest, and our Part-Digest.
import { encodeBase64 } from "./base64.ts";
import { HoldfastError } from "./errors.ts";
import { RUN_PARTS_MAX } from "./grid.ts";
import { parseDictionary, type StructuredMember } from "./structured.ts";

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
  const member = memberOf(field, algorithm);
  if (!(member instanceof Uint8Array) || member.length !== DIGEST_SIZE)
    throw malformed(`${algorithm} must be one byte sequence of ${DIGEST_SIZE} bytes`);
  return member;
}

/**
 * The same for a field that need not be there nor speak of this algorithm (RFC 9530 section 2: what is not known may be passed over).
 *
 * @throws HoldfastError `invalid_digest` where the field is malformed.
 */
export function findDigest(
  field: string | undefined,
  algorithm: Algorithm,
): Uint8Array | undefined {
  if (field === undefined || !algorithmsIn(field).includes(algorithm)) return undefined;
  return decodeDigest(field, algorithm);
}

/** Whether a Want-Repr-Digest asks for that algorithm: a weight of 1 to 10 (RFC 9530 section 4); 0 says that it is not wanted. */
export function wantsDigest(field: string | undefined, algorithm: Algorithm): boolean {
  const members = (field ?? "").split(",").map((member) => member.trim().split(/[=;]/));
  return members.some(([name, weight = ""]) => name === algorithm && /^(?:[1-9]|10)$/.test(weight));
}

/**
 * The digests of a run in a Part-Digest field, at most 64.
 *
 * @throws HoldfastError `invalid_digest` where the field is malformed or has no such member.
 */
export function decodePartDigests(field: string, algorithm: Algorithm): readonly Uint8Array[] {
  const member = memberOf(field, algorithm);
  if (member === "other" || member instanceof Uint8Array)
    throw malformed(`${algorithm} must be a list in parentheses`);
  if (member.length > RUN_PARTS_MAX) throw malformed(`at most ${RUN_PARTS_MAX} digests`);
  return member.map((item) => {
    if (item === "other" || item.length !== DIGEST_SIZE)
      throw malformed(`each digest must be a byte sequence of ${DIGEST_SIZE} bytes`);
    return item;
  });
}

/**
 * The CRC32C in a Content-Digest field, or undefined where it has none: RFC 9530 calls it insecure, and so it only ever stands beside a digest.
 *
 * @throws HoldfastError `invalid_digest` where it is not 4 bytes.
 */
export function decodeCrc32c(field: string | undefined): number | undefined {
  const member = field === undefined ? undefined : parseDictionary(field)?.get("crc32c");
  if (member === undefined) return undefined;
  if (!(member instanceof Uint8Array) || member.length !== 4)
    throw malformed("crc32c must be one byte sequence of 4 bytes");
  return new DataView(member.buffer, member.byteOffset).getUint32(0);
}

/** Algorithms that a digest field speaks of, whatever it says of them. */
export function algorithmsIn(field: string): readonly Algorithm[] {
  const members = parseDictionary(field);
  if (!members) throw malformed("it is not a dictionary of byte sequences");
  return [...members.keys()].filter(isAlgorithm);
}

function memberOf(field: string, name: Algorithm): StructuredMember {
  const members = parseDictionary(field);
  if (!members) throw malformed("it is not a dictionary of byte sequences");
  const member = members.get(name);
  if (member === undefined) throw malformed(`it has no ${name}`);
  return member;
}

function malformed(why: string): HoldfastError {
  return new HoldfastError("invalid_digest", `the digest field is malformed: ${why}`);
}
