// Writes the body of a request in pieces, and knows when the last of them has left our memory.
import type { ClientRequest } from "node:http";
import type { TransportRequest } from "../ports.ts";

/** Pieces begin small, so that progress and stalls show on a slow line, and grow while they go out at once. */
const PIECE_MIN: number = 16 * 1024;
const PIECE_FIRST: number = 64 * 1024;
const PIECE_MAX: number = 1024 * 1024;
/** A piece that took this long is one that the line feels; milliseconds. */
const SLOW_MS = 100;
const FAST_MS = 10;

export interface Writing {
  /** Writes no further piece; true where that leaves the body incomplete. */
  stop(): boolean;
  /** Resolves when nothing refers to the body's memory any more. Never rejects: how the request ended, its answer tells. */
  readonly settled: Promise<void>;
}

type Outgoing = Pick<TransportRequest, "grant" | "onSent">;

/** The next piece is written when the kernel has taken the last one. */
export function writeBody(
  sent: ClientRequest,
  body: readonly Uint8Array[],
  { grant, onSent }: Outgoing,
): Writing {
  let isStopped = false;
  let left = body.reduce((size, view) => size + view.length, 0);
  let giveUpWrite: (() => void) | undefined;
  // Its socket is gone by then, and with it every write that had not ended.
  const closed = new Promise<void>((resolve) => {
    sent.once("close", () => {
      isStopped = true;
      giveUpWrite?.();
      resolve();
    });
  });

  function write(piece: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      giveUpWrite = resolve;
      sent.write(piece, (error) => {
        if (!error) onSent(piece.length);
        resolve();
      });
    });
  }

  async function writeAll(): Promise<void> {
    let size = PIECE_FIRST;
    for (const view of body) {
      for (let at = 0; at < view.length; ) {
        const granted = await grant(Math.min(size, view.length - at));
        if (isStopped) return;
        const startedAt = performance.now();
        left -= granted;
        await write(view.subarray(at, at + granted));
        size = nextSize(size, performance.now() - startedAt);
        at += granted;
      }
    }
    sent.end();
  }

  return {
    stop() {
      isStopped = true;
      return left > 0;
    },
    settled: writeAll().catch((error: Error) => {
      sent.destroy(error);
      return closed;
    }),
  };
}

function nextSize(size: number, ms: number): number {
  if (ms > SLOW_MS) return Math.max(PIECE_MIN, size / 2);
  return ms < FAST_MS ? Math.min(PIECE_MAX, size * 2) : size;
}
