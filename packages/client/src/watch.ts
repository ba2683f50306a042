// Gives up a request on which no byte has moved for too long.
import { HoldfastError } from "@holdfast/protocol";
import type { Clock } from "./ports.ts";

/** No byte either way for this long is a stall, in milliseconds. */
export const STALL_MS = 30_000;

/** How long a silence that began at that moment may last, in milliseconds. */
export type Allowed = (since: number) => number;

/** What is allowed may change while nothing moves: it is looked at this often, in milliseconds. */
const LOOK_MS = 1_000;

/**
 * Runs `work` with a signal that fires when `outer` does, after `stallMs` in which `touch` was not called, or when the work has failed.
 * `touch` may say how long the next silence may be instead: that is asked again and again, with when it began.
 *
 * @throws whatever `work` throws; after a stall that is HoldfastError `stalled`, the signal's reason.
 */
export async function watched<T>(
  clock: Clock,
  stallMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal, touch: (allowed?: Allowed) => void) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const forward = () => own.abort(outer.reason);
  if (outer.aborted) forward();
  outer.addEventListener("abort", forward, { once: true });
  const usual: Allowed = () => stallMs;
  let movedAt = clock.monotonic();
  let allowed = usual;
  let callOff: () => void;
  const look = () => {
    const still = clock.monotonic() - movedAt;
    const left = allowed(movedAt) - still;
    if (left > 0) callOff = clock.after(Math.min(LOOK_MS, stallMs, left), look);
    else own.abort(stalled(still));
  };
  callOff = clock.after(Math.min(LOOK_MS, stallMs), look);
  try {
    return await work(own.signal, (next = usual) => {
      movedAt = clock.monotonic();
      allowed = next;
    });
  } catch (error) {
    // An answer that nobody reads would hold its connection for ever.
    own.abort(error);
    throw error;
  } finally {
    callOff();
    outer.removeEventListener("abort", forward);
  }
}

function stalled(ms: number): HoldfastError {
  const why = `no byte moved for ${Math.round(ms / 1000)} s`;
  return new HoldfastError("stalled", why, { silentMs: Math.round(ms) });
}
