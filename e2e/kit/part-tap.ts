// What goes from a client to a server: parts are counted on their way, and kept back where a test wants the client to be in the middle.
import { passOn, startRelay } from "@holdfast/testkit/relay";

export interface PartTap {
  readonly url: string;
  /** Parts that were asked to be stored so far, in order, by their indexes; those that are kept back are none of them. */
  readonly sent: readonly number[];
  /** Body bytes of those requests that have come through. */
  bytes(): number;
  /** Lets the next `runs` requests with parts through and keeps the others until they end with whoever sent them. Resolves when the last of those has been answered. */
  only(runs: number): Promise<void>;
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
  let bytes = 0;
  const sent: number[] = [];
  const relay = await startRelay((request, response) => {
    const [, start, end = start] = PARTS.exec(request.url ?? "") ?? [];
    if (request.method === "PUT" && start !== undefined) {
      if (left === 0) return;
      left--;
      if (left === 0) response.once("finish", onLast);
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
    only: (runs) =>
      new Promise((resolve) => {
        left = runs;
        onLast = resolve;
      }),
    open() {
      left = Number.POSITIVE_INFINITY;
    },
    lead(next) {
      target = next;
    },
    close: relay.close,
  };
}
