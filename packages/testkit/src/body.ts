// A request body made by hand: bytes that come when the test says so, cuts, silence.
import type { Body } from "@holdfast/engine";
import type { HoldfastError } from "@holdfast/protocol";

export interface ScriptedBody extends Body {
  /** Bytes arrive. */
  push(bytes: Uint8Array): void;
  /** The body ends where the sender meant it to, or the connection is cut: for the engine it is the same. */
  end(): void;
}

/** A body that brings `bytes` and ends, or waits for `push` and `end` where none are given. */
export function createBody(
  bytes?: Uint8Array,
  { isExact = true, monotonic = () => 0 }: { isExact?: boolean; monotonic?: () => number } = {},
): ScriptedBody {
  let held: Uint8Array[] = [];
  let hasEnded = false;
  let why: HoldfastError | undefined;
  let lastByteAt = monotonic();
  let wake: (() => void) | undefined;
  let isInterrupted = false;

  function change(): void {
    wake?.();
    wake = undefined;
  }
  async function changed(): Promise<void> {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  const body: ScriptedBody = {
    isExact,
    push(piece) {
      if (piece.length > 0) held.push(piece);
      lastByteAt = monotonic();
      change();
    },
    end() {
      hasEnded = true;
      change();
    },
    async ready() {
      while (held.length === 0 && !hasEnded) await changed();
      return held.length > 0;
    },
    async fill(into) {
      isInterrupted = false;
      let at = 0;
      while (at < into.length) {
        while (held.length === 0 && !hasEnded && !isInterrupted) await changed();
        const [piece] = held;
        if (!piece) break;
        const taken = piece.subarray(0, into.length - at);
        into.set(taken, at);
        at += taken.length;
        if (taken.length === piece.length) held.shift();
        else held[0] = piece.subarray(taken.length);
      }
      return at;
    },
    interrupt() {
      isInterrupted = true;
      change();
    },
    lastByteAt: () => lastByteAt,
    stop(reason) {
      why ??= reason;
      held = [];
      body.end();
    },
    stopped: () => why,
  };
  if (bytes) {
    body.push(bytes);
    body.end();
  }
  return body;
}
