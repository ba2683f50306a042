// What goes from a server to somebody who downloads: ranges are noted on their way, kept back where a test wants the client to be in the middle, and spoiled once.
import type { ServerResponse } from "node:http";
import { type ByteRange, decodeRange } from "@holdfast/protocol";
import { passOn, startRelay } from "@holdfast/testkit/relay";
import { movesBytes } from "./gate.ts";

export interface RangeTap {
  readonly url: string;
  /** Bytes of files that were asked for so far, in order; those that are kept back are none of them. */
  readonly ranges: readonly ByteRange[];
  /** Lets the next `count` requests for bytes through and keeps the others until they end with whoever sent them. Resolves when the last of those has been answered. */
  only(count: number): Promise<void>;
  /** Lets all through from now on; the connections of those that were kept back break. */
  open(): void;
  /** The first byte of the next answer is another one. */
  spoil(): void;
  close(): Promise<void>;
}

export async function openRangeTap(target: string, size: number): Promise<RangeTap> {
  let left = Number.POSITIVE_INFINITY;
  let onLast: () => void = () => undefined;
  let isSpoiling = false;
  const kept = new Set<ServerResponse>();
  const ranges: ByteRange[] = [];
  const relay = await startRelay((request, response) => {
    if (request.method !== "GET" || !movesBytes(request)) return passOn(target, request, response);
    if (left === 0) {
      kept.add(response);
      response.once("close", () => kept.delete(response));
      return;
    }
    left--;
    if (left === 0) response.once("finish", onLast);
    const range = decodeRange(request.headers.range, size);
    if (range !== "unsatisfiable") ranges.push(range === "whole" ? { start: 0, end: size } : range);
    passOn(target, request, response, (piece) => {
      if (!isSpoiling || piece.length === 0) return piece;
      isSpoiling = false;
      const [first = 0] = piece;
      return Buffer.concat([Buffer.of(first ^ 1), piece.subarray(1)]);
    });
  });
  return {
    url: relay.url,
    ranges,
    only: (count) =>
      new Promise((resolve) => {
        left = count;
        onLast = resolve;
      }),
    open() {
      left = Number.POSITIVE_INFINITY;
      for (const response of kept) response.destroy();
    },
    spoil() {
      isSpoiling = true;
    },
    close: relay.close,
  };
}
