// Hands the pieces of a reply to its connection one after another, and cuts off who takes them too slowly.
import type { Writable } from "node:stream";
import type { Clock, Log } from "@holdfast/engine";
import { type PaceRule, pieceMs } from "./pace.ts";

/** What is asked of whoever reads a reply. */
export interface Reader {
  readonly pace: PaceRule;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where the pieces of a reply go: a response of node:http, or a stream of node:http2. */
export interface PieceSink extends Pick<Writable, "on" | "off" | "destroy"> {
  readonly destroyed: boolean;
  write(piece: Uint8Array, taken: () => void): boolean;
  /** Where a connection is this reply's alone, the kernel's own time for it. */
  readonly socket?: { setTimeout(ms: number): unknown; resetAndDestroy?(): unknown } | null;
  /** False where nothing but the end of the connection tells the end of a reply without a size: HTTP/1.0. */
  readonly chunkedEncoding?: boolean;
  /** Of a stream of node:http2. */
  readonly rstCode?: number;
}

export interface Writer {
  /** Resolves when the kernel has taken the piece, or the connection is gone. One at a time. */
  write(piece: Uint8Array): Promise<void>;
  /** No more pieces. */
  end(): void;
}

/** Tells of a reader that is cut off: it holds a connection and memory, and takes hardly a byte. */
export function logSlowReader(log: Log): void {
  log("info", "download ended", { why: "its reader is too slow" });
}

/**
 * One timer and one look-out for all pieces: a GiB has thousands of them, and setting up anew for each costs more than handing it over. Time in which nothing is to
 * be taken (our own disk and memory are slow) never counts against a reader.
 *
 * @param write Hands a piece on where it does not go straight to the connection.
 */
export function createWriter(
  res: PieceSink,
  { pace, clock, log }: Reader,
  write: PieceSink["write"] = (piece, taken) => res.write(piece, taken),
): Writer {
  let resolve: (() => void) | undefined;
  /** The moment by which the piece that is being taken has to be gone. */
  let dueAt = 0;
  let timer: { readonly at: number; readonly callOff: () => void } | undefined;

  function taken(): void {
    const done = resolve;
    resolve = undefined;
    done?.();
  }

  /** A byte now and then keeps the kernel's own time from running out; the piece as a whole has its time too. */
  function watch(): void {
    if (timer && timer.at <= dueAt) return;
    timer?.callOff();
    timer = { at: dueAt, callOff: clock.after(dueAt - clock.monotonic(), look) };
  }

  function look(): void {
    timer = undefined;
    if (!resolve) return;
    if (clock.monotonic() < dueAt) watch();
    else {
      logSlowReader(log);
      res.destroy();
    }
  }

  /** The kernel has taken nothing for a whole window. */
  function onTimeout(): void {
    if (resolve) res.destroy();
  }

  res.on("close", taken);
  res.on("timeout", onTimeout);
  res.socket?.setTimeout(pace.windowMs);
  return {
    write(piece) {
      if (res.destroyed) return Promise.resolve();
      dueAt = clock.monotonic() + pieceMs(pace, piece.length);
      watch();
      return new Promise((done) => {
        resolve = done;
        write(piece, taken);
      });
    },
    end() {
      timer?.callOff();
      res.off("close", taken);
      res.off("timeout", onTimeout);
      res.socket?.setTimeout(0);
    },
  };
}
