// A relay before a server that tells which bytes of files are asked for, and counts what goes through.
import { type ByteRange, decodeRange } from "@holdfast/protocol";
import { passOn, type Relay, startRelay } from "@holdfast/testkit/relay";
import { movesBytes } from "./gate.ts";

export interface RangeWatch extends Relay {
  /** Bytes of files that went to whoever asked. */
  passed(): number;
}

/** @param onRange Told of each range before anybody answers it. */
export async function watchRanges(
  target: string,
  size: number,
  onRange: (range: ByteRange) => void,
): Promise<RangeWatch> {
  let passed = 0;
  const relay = await startRelay((request, response) => {
    if (request.method !== "GET" || !movesBytes(request)) return passOn(target, request, response);
    const range = decodeRange(request.headers.range, size);
    if (range !== "unsatisfiable") onRange(range === "whole" ? { start: 0, end: size } : range);
    passOn(target, request, response, (piece) => {
      passed += piece.length;
      return piece;
    });
  });
  return { ...relay, passed: () => passed };
}
