// What a caller knows of a file besides its address, and what is there has to be: its root, the SHA-256 of the whole.
import {
  DIGEST_SIZE,
  decodeHex,
  encodeHex,
  equalBytes,
  HoldfastError,
  type Manifest,
} from "@holdfast/protocol";
import type { Digester, Hasher, Sink } from "./ports.ts";

export interface WantedFile {
  /** In lower-case hexadecimal. Whoever knows it needs to believe no server. */
  readonly root?: string;
  /** Of the whole file, in lower-case hexadecimal: read once more when every part is there, before it has its name. */
  readonly sha256?: string;
}

/** Bytes that are read at a time. */
const READ_SIZE = 1024 * 1024;

const OTHER =
  "It is another file than the one that is wanted: compare the address with where you have it from.";
/** Where nothing else says what the bytes have to be. What is there is left: it may be the digest that was mistyped. */
const OTHER_OR_BAD = `${OTHER} Or something has changed bytes on their way: --no-resume fetches all of them anew.`;

/** @throws HoldfastError `usage` where what is wanted is no digest */
export function checkWanted({ root, sha256 }: WantedFile): void {
  decodeWanted(root, "a root");
  decodeWanted(sha256, "a SHA-256");
}

/** @throws HoldfastError `usage` */
export function decodeWanted(hex: string | undefined, what: string): Uint8Array | undefined {
  const digest = hex === undefined ? undefined : decodeHex(hex);
  if (hex === undefined || digest?.length === DIGEST_SIZE) return digest;
  throw new HoldfastError("usage", `${what} has 64 lower-case hexadecimal digits`);
}

/** Before anything of it is fetched. The server's word on a SHA-256 is enough to refuse the file, and never to take it. @throws HoldfastError `root_mismatch`, `file_digest_mismatch` */
export function requireWanted(manifest: Manifest, { root, sha256 }: WantedFile): void {
  const there = encodeHex(manifest.root);
  if (root !== undefined && root !== there) {
    throw new HoldfastError("root_mismatch", `the file has the root ${there}`, { hint: OTHER });
  }
  const whole = manifest.sha256 && encodeHex(manifest.sha256);
  if (sha256 !== undefined && whole !== undefined && sha256 !== whole) throw otherSha256(whole);
}

interface ToHash {
  readonly sink: Sink;
  readonly file: "whole" | "working";
  /** In bytes. */
  readonly size: number;
  /** By a manifest, part by part. */
  readonly isProved: boolean;
}

/** Of a file in a sink, every part of which is there. @throws HoldfastError `file_digest_mismatch`, `sink_failed`, the signal's reason */
export async function requireSha256(
  { sink, file, size, isProved }: ToHash,
  { sha256 }: WantedFile,
  digester: Digester,
  signal: AbortSignal,
): Promise<void> {
  if (sha256 === undefined) return;
  const hasher = digester.hasher();
  const buffer = new Uint8Array(Math.min(size, READ_SIZE));
  for (let offset = 0; offset < size; ) {
    signal.throwIfAborted();
    const bytes = buffer.subarray(0, Math.min(buffer.length, size - offset));
    const count = await sink.read(file, offset, bytes);
    if (count === 0) throw new HoldfastError("sink_failed", "the target has become shorter");
    hasher.update(bytes.subarray(0, count));
    offset += count;
  }
  requireHashed(hasher, { sha256 }, isProved ? OTHER : OTHER_OR_BAD);
}

/** What went through the hasher is the whole file. @throws HoldfastError `file_digest_mismatch` */
export function requireHashed(hasher: Hasher, { sha256 }: WantedFile, hint: string = OTHER): void {
  const wanted = decodeWanted(sha256, "a SHA-256");
  const there = hasher.digest();
  if (wanted && !equalBytes(there, wanted)) throw otherSha256(encodeHex(there), hint);
}

function otherSha256(there: string, hint: string = OTHER): HoldfastError {
  const what = `the file has the SHA-256 ${there}`;
  return new HoldfastError("file_digest_mismatch", what, { hint });
}
