// How each request of a download keeps to one version of the file, and what says that bytes are right.
import {
  type Algorithm,
  type ByteRange,
  canonicalJson,
  createPartSet,
  decodeContentRange,
  encodeHex,
  equalBytes,
  HoldfastError,
  type Leaves,
  type PartSet,
  partCount,
} from "@holdfast/protocol";
import { type AnyFile, isStrong, partSizeOf } from "./any-file.ts";
import { createDigestTable, digestAt, noteDigest } from "./digest-table.ts";
import { unsignedAddress } from "./file-address.ts";
import type { Digester } from "./ports.ts";
import type { Wire, WireAnswer } from "./wire.ts";

/** A file as far as it can be known before it is there. */
export interface Version extends Leaves {
  /** Names the working file and the journal. Of a file of any server, which has none, a digest of what pins it. */
  readonly root: Uint8Array;
}

export interface Pin {
  readonly kind: "manifest" | "etag";
  /** Sends a request for bytes of this version. */
  readonly send: Wire["send"];
  /** Of each of them. */
  readonly headers: Readonly<Record<string, string>>;
  /** @throws HoldfastError where an answer is not of this version, or not the one to these bytes of it */
  readonly require: (answer: WireAnswer, asked: ByteRange) => void;
  /** Whether a part that has come is right: as the manifest has it, or as the first that came. */
  readonly judge: (index: number, digest: Uint8Array) => boolean;
  /** Parts whose digests are known. */
  readonly known: PartSet;
  /** What an answer is that is not what was asked for. */
  readonly wrong: "not_holdfast" | "wrong_answer";
}

/** The ETag of a file of ours is its root. */
export function pinByRoot(wire: Wire, manifest: Version): Pin {
  const count = partCount(manifest);
  return {
    kind: "manifest",
    // Wherever the bytes come from, they have the digests of the manifest or are not taken.
    send: wire.sendLed,
    headers: { "if-match": `"${encodeHex(manifest.root)}"` },
    // 412 has said it, or the digests do.
    require: () => undefined,
    judge: (index, digest) => equalBytes(digest, digestAt(manifest.digests, index)),
    known: createPartSet(count, new Uint8Array(Math.ceil(count / 8)).fill(255)),
    wrong: "not_holdfast",
  };
}

/** What a file of any server is to this process; its digests become known as its parts come. */
export function versionOf(digester: Digester, url: string, file: AnyFile): Version {
  const { size, etag } = file;
  const grid = { size, partSize: partSizeOf(file) };
  const pins = { address: unsignedAddress(url), etag: etag ?? "", ...grid };
  const algorithm: Algorithm = "sha-256";
  return {
    ...grid,
    algorithm,
    digests: createDigestTable(partCount(grid)).bytes,
    root: digester.sha256(new TextEncoder().encode(`holdfast/any/1 ${canonicalJson(pins)}`)),
  };
}

/** @param known Parts whose digests are in the version; grows. */
export function pinByTag(wire: Wire, version: Version, { etag }: AnyFile, known: PartSet): Pin {
  const table = { known, bytes: version.digests };
  return {
    kind: "etag",
    send: wire.sendAny,
    headers: etag === undefined ? {} : { "if-range": etag },
    require(answer, asked) {
      if (etag === undefined) requireSize(answer, version.size);
      else requireTag(answer, etag, partCount(version));
      requireSpan(answer, asked, version.size);
    },
    // What came twice and is not the same, nobody can tell which of them is right.
    judge: (index, digest) => noteDigest(table, index, digest),
    known,
    wrong: "wrong_answer",
  };
}

function requireTag(answer: WireAnswer, etag: string, parts: number): void {
  const there = answer.header("etag");
  if (there !== etag) {
    if (there !== undefined && isStrong(there))
      throw changed(`its ETag is ${there}, and was ${etag}`);
    throw new HoldfastError("wrong_answer", "the answer does not say which version it is of");
  }
  if (answer.status === 200 && parts > 1) {
    throw new HoldfastError("wrong_answer", "a range was asked for, and the whole file came");
  }
}

/** A body that is as long as what it says it is: whoever says two things may mean a third. */
function requireSpan(answer: WireAnswer, asked: ByteRange, size: number): void {
  const range = decodeContentRange(answer.header("content-range"));
  const isWhole = answer.status === 200;
  const span = isWhole ? size : range && range.end - range.start;
  const told = answer.header("content-length");
  const isBeyond = !isWhole && (range === undefined || range.end > asked.end);
  if (isBeyond || (told !== undefined && told !== String(span))) {
    throw new HoldfastError("wrong_answer", "the answer is not as long as the range it names");
  }
}

/** One answer brings all of it: nothing can be mixed with another version, but it is to be as long as it was said to be. */
function requireSize(answer: WireAnswer, size: number): void {
  const told = answer.header("content-length");
  // What is only as long as it turns out to be may be the beginning of a longer one.
  if (told === undefined && answer.status === 200) {
    throw new HoldfastError("wrong_answer", "the answer does not say how long the file is");
  }
  if (told !== undefined && told !== String(size))
    throw changed(`it has ${told} bytes, and had ${size}`);
}

/** Never mixed: what is there of the other version has another working file. */
export function changed(what: string): HoldfastError {
  const hint = "The same command fetches it anew; what is there of the other version is left.";
  return new HoldfastError("precondition_failed", `the file has changed: ${what}`, { hint });
}
