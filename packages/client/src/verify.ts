// Compares bytes with a manifest, part by part, and tells of every part that is not as it should be.
import {
  decodeContentRange,
  encodeHex,
  encodeRange,
  equalBytes,
  HoldfastError,
  type Manifest,
  partCount,
  partOffset,
  partSizeAt,
} from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { digestAt } from "./digest-table.ts";
import { checkFileAddress, forReading } from "./file-address.ts";
import { MEMORY } from "./line.ts";
import type { Digester, Source } from "./ports.ts";
import type { WireAnswer } from "./wire.ts";

/** Requests in flight: one after another would wait for the line most of the time. */
const LANES = 4;

/** A part whose bytes are others, or not there. Offset and size in bytes. */
export interface BadPart {
  readonly index: number;
  readonly offset: number;
  readonly size: number;
  readonly problem: "differs" | "missing";
}

export interface VerifyOptions {
  readonly manifest: Manifest;
  /** Told after each part how many bytes have been compared. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Fills `into` with the part's bytes; resolves with how many there were. */
type ReadPart = (index: number, into: Uint8Array) => Promise<number>;

/** Compares a source with the manifest. Resolves with the bad parts, in order; bytes behind the manifest's size are not looked at. @throws HoldfastError `source_unreadable` */
export function verifySource(
  source: Source,
  options: VerifyOptions,
  digester: Digester,
): Promise<readonly BadPart[]> {
  const { manifest } = options;
  const { size } = source.fingerprint;
  return verifyParts(options, digester, 1, async (index, into) => {
    const offset = partOffset(manifest, index);
    const there = into.subarray(0, Math.max(0, Math.min(into.length, size - offset)));
    await source.read(offset, there);
    return there.length;
  });
}

export interface VerifyFileOptions extends VerifyOptions, AskOptions {
  /** Absolute address of the file. */
  readonly url: string;
}

/** Compares what the server sends with the manifest; keeps none of it. @throws HoldfastError `precondition_failed` where there is another file by now */
export function verifyFile(
  given: VerifyFileOptions,
  ports: AskPorts & { readonly digester: Digester },
): Promise<readonly BadPart[]> {
  const options = forReading(given);
  const { manifest } = options;
  const url = checkFileAddress(options.url, options.token !== undefined);
  const lanes = Math.max(1, Math.min(LANES, Math.floor(MEMORY / manifest.partSize)));
  return verifyParts(options, ports.digester, lanes, async (index, into) => {
    const offset = partOffset(manifest, index);
    const headers = {
      range: encodeRange({ start: offset, end: offset + into.length }),
      "if-match": `"${encodeHex(manifest.root)}"`,
      "accept-encoding": "identity",
    };
    const fill = (answer: WireAnswer) => receive(answer, manifest, offset, into);
    return ask({ method: "GET", url, headers }, fill, options, ports);
  });
}

async function receive(
  answer: WireAnswer,
  manifest: Manifest,
  offset: number,
  into: Uint8Array,
): Promise<number> {
  const range = decodeContentRange(answer.header("content-range"));
  const isWhole = answer.status === 200 && into.length === manifest.size;
  if (!isWhole && (range?.start !== offset || range.size !== manifest.size)) {
    throw new HoldfastError("not_holdfast", "the answer is another range than the one asked for");
  }
  let filled = 0;
  await answer.read((piece) => {
    if (filled + piece.length > into.length) {
      throw new HoldfastError("not_holdfast", "the answer is longer than what was asked for");
    }
    into.set(piece, filled);
    filled += piece.length;
  });
  if (filled < into.length) {
    throw new HoldfastError("connection_failed", "the answer ended too early");
  }
  return filled;
}

/** Several lanes take the parts in turn, each with a buffer of its own. */
async function verifyParts(
  { manifest, onProgress, signal }: VerifyOptions,
  digester: Digester,
  lanes: number,
  read: ReadPart,
): Promise<readonly BadPart[]> {
  const bad: BadPart[] = [];
  const count = partCount(manifest);
  let next = 0;
  let compared = 0;
  const verifyInTurn = async (): Promise<void> => {
    const buffer = new Uint8Array(Math.min(manifest.partSize, manifest.size));
    while (next < count) {
      signal?.throwIfAborted();
      const index = next++;
      const size = partSizeAt(manifest, index);
      const problem = await problemOf(index, buffer.subarray(0, size));
      if (problem) bad.push({ index, offset: partOffset(manifest, index), size, problem });
      compared += size;
      onProgress?.(compared);
    }
  };
  const problemOf = async (
    index: number,
    bytes: Uint8Array,
  ): Promise<BadPart["problem"] | undefined> => {
    if ((await read(index, bytes)) < bytes.length) return "missing";
    const digest = await digester.digest(bytes, manifest.algorithm);
    return equalBytes(digest, digestAt(manifest.digests, index)) ? undefined : "differs";
  };
  // The first error of a lane ends the others at their next part.
  const stop = () => {
    next = count;
  };
  const running = Array.from({ length: Math.min(lanes, count) }, verifyInTurn);
  for (const lane of running) lane.catch(stop);
  await Promise.all(running);
  return bad.toSorted((a, b) => a.index - b.index);
}
