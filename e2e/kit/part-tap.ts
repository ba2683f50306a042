// What goes from a client to a server: parts are counted on their way, and kept back where a test wants the client to be in the middle.
import type { ServerResponse } from "node:http";
import { passOn, startRelay } from "@holdfast/testkit/relay";

export interface PartTap {
  readonly url: string;
  /** Parts that were asked to be stored so far, in order, by their indexes; those that are kept back are none of them. */
  readonly sent: readonly number[];
  /** Body bytes of those requests that have come through. */
  bytes(): number;
  /** Parts of the longest of those requests. */
  longest(): number;
  /** Lets the next `runs` requests with parts through and keeps the others until they end with whoever sent them. Resolves when the last of those has been answered. */
  only(runs: number): Promise<void>;
  /** Resolves when so many requests with parts are kept back. */
  keeps(runs: number): Promise<void>;
  /** Lets all through from now on; the connections of those that were kept back break. */
  open(): void;
  /** Where requests go from now on. */
  lead(target: string): void;
  close(): Promise<void>;
}

const PARTS = /^\/v1\/uploads\/[^/]+\/parts\/([0-9]+)(?:-([0-9]+))?$/;

export async function openPartTap(first: string): Promise<PartTap> {
  let target = first;
  let left = Number.POSITIVE_INFINITY;
  let onLast: () => void = () => undefined;
  let onKept: () => void = () => undefined;
  let bytes = 0;
  let longest = 0;
  const kept = new Set<ServerResponse>();
  const sent: number[] = [];
  const relay = await startRelay((request, response) => {
    const [, start, end = start] = PARTS.exec(request.url ?? "") ?? [];
    if (request.method === "PUT" && start !== undefined) {
      if (left === 0) {
        kept.add(response);
        onKept();
        response.once("close", () => kept.delete(response));
        return;
      }
      left--;
      if (left === 0) response.once("finish", onLast);
      longest = Math.max(longest, Number(end) - Number(start) + 1);
      for (let index = Number(start); index <= Number(end); index++) sent.push(index);
      request.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
    }
    passOn(target, request, response);
  });
  return {
    url: relay.url,
    sent,
    bytes: () => bytes,
    longest: () => longest,
    only: (runs) =>
      new Promise((resolve) => {
        left = runs;
        onLast = resolve;
      }),
    keeps: (runs) =>
      new Promise((resolve) => {
        onKept = () => {
          if (kept.size === runs) resolve();
        };
        onKept();
      }),
    open() {
      left = Number.POSITIVE_INFINITY;
      for (const response of kept) response.destroy();
    },
    lead(next) {
      target = next;
    },
    close: relay.close,
  };
}
