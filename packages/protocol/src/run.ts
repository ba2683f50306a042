// A run on the wire: which parts a path names, which digests come with it, who sends it.
import {
  type Algorithm,
  algorithmsIn,
  decodeDigest,
  decodePartDigests,
  encodeDigest,
  encodePartDigests,
} from "./digest.ts";
import { HoldfastError } from "./errors.ts";
import { type Grid, partCount, RUN_PARTS_MAX } from "./grid.ts";
import type { PartRange } from "./part-set.ts";

/** `7` or `7-11` in a path, where both ends are in: the range 7 to 8, or 7 to 12. */
export function encodeRunPath([start, end]: PartRange): string {
  return end - start === 1 ? `${start}` : `${start}-${end - 1}`;
}

/** @throws HoldfastError `invalid_request` where it is not an index or two in order; `run_too_long` above 64 parts. */
export function decodeRunPath(text: string): PartRange {
  const [, first, last = first] = /^(0|[1-9][0-9]{0,8})(?:-(0|[1-9][0-9]{0,8}))?$/.exec(text) ?? [];
  const [start, end] = [Number(first), Number(last) + 1];
  if (first === undefined || end <= start) {
    throw new HoldfastError(
      "invalid_request",
      "the path must end with a part's index, or two in order: 7 or 7-11",
      { field: "parts" },
    );
  }
  if (end - start > RUN_PARTS_MAX)
    throw new HoldfastError("run_too_long", undefined, { limit: RUN_PARTS_MAX });
  return [start, end];
}

/** @throws HoldfastError `part_out_of_range` where the run ends beyond the grid. */
export function requireInGrid(grid: Grid, [, end]: PartRange): void {
  const count = partCount(grid);
  if (end > count)
    throw new HoldfastError("part_out_of_range", `the upload has ${count} parts, counted from 0`, {
      partCount: count,
    });
}

/** The header that carries the digests of a run: `Content-Digest` for one part, `Part-Digest` for more. */
export function encodeRunDigests(
  algorithm: Algorithm,
  digests: readonly Uint8Array[],
): readonly [name: string, value: string] {
  const [only] = digests;
  return only && digests.length === 1
    ? ["content-digest", encodeDigest(algorithm, only)]
    : ["part-digest", encodePartDigests(algorithm, digests)];
}

export interface DigestHeaders {
  readonly contentDigest?: string | undefined;
  readonly partDigest?: string | undefined;
}

/** The digests of a run, by algorithm. */
export type RunDigests = ReadonlyMap<Algorithm, readonly Uint8Array[]>;

/**
 * The digests of a run of `parts` parts, of every algorithm that was sent.
 *
 * @throws HoldfastError `invalid_digest` where there are none, or they are malformed or not as many as the parts.
 */
export function decodeAllRunDigests(headers: DigestHeaders, parts: number): RunDigests {
  const field = headers.partDigest ?? (parts === 1 ? headers.contentDigest : undefined);
  const algorithms = field === undefined ? [] : algorithmsIn(field);
  // Who sends none is told what is missing by the one that everybody has.
  const asked = algorithms.length > 0 ? algorithms : (["sha-256"] as const);
  return new Map(asked.map((name) => [name, decodeRunDigests(headers, name, parts)]));
}

/**
 * The digests of a run of `parts` parts; one part may come with either header.
 *
 * @throws HoldfastError `invalid_digest` where they are missing, malformed or not as many as the parts.
 */
export function decodeRunDigests(
  headers: DigestHeaders,
  algorithm: Algorithm,
  parts: number,
): readonly Uint8Array[] {
  const digests =
    headers.partDigest !== undefined
      ? decodePartDigests(headers.partDigest, algorithm)
      : headers.contentDigest !== undefined && parts === 1
        ? [decodeDigest(headers.contentDigest, algorithm)]
        : [];
  if (digests.length !== parts) {
    throw new HoldfastError(
      "invalid_digest",
      `${parts} parts need ${parts} digests, not ${digests.length}`,
    );
  }
  return digests;
}

/** Who sends a request: `Holdfast-Client: name/version; transfer=..; attempt=n`. `transfer` names one running transfer and is never stored. */
export interface ClientInfo {
  readonly transfer?: string;
}

export function encodeClient(product: string, transfer: string, attempt: number): string {
  return `${product}; transfer=${transfer}; attempt=${attempt}`;
}

/** Never throws: a header that says nothing useful says nothing. */
export function decodeClient(field: string | undefined): ClientInfo {
  const transfer = /; *transfer=([A-Za-z0-9_-]{8,64}) *(?:;|$)/.exec(field ?? "")?.[1];
  return transfer === undefined ? {} : { transfer };
}
