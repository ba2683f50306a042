// Whether the way to the store is open. Where it is not, and nobody asked for it and no other, parts go through the server.
import type { HoldfastError } from "@holdfast/protocol";
import { isTooLarge } from "../retry.ts";

/** What the parts that went this way have shown. */
export interface Openness {
  /** When the server last found a part there, monotonic; undefined while it never did. */
  confirmedAt: number | undefined;
  /** Rounds of attempts that brought nothing, since one brought something: parts that fail side by side are one. */
  troubles: number;
  /** The attempt that the last of these rounds was. */
  attempt: number;
}

/** After so many rounds of trouble the way is taken for closed. */
const TROUBLES_MAX = 3;
/** Where parts got through before, it must have been as long as this, in milliseconds: a store that is started anew comes back. */
const CLOSED_MS = 30_000;

export function createOpenness(): Openness {
  return { confirmedAt: undefined, troubles: 0, attempt: 0 };
}

export function noteArrival(way: Openness, at: number): void {
  way.confirmedAt = at;
  way.troubles = 0;
  way.attempt = 0;
}

/**
 * Notes what a part met on its way; whether the way is closed now. Parts are sent only after the server has answered, so that a network that is gone altogether
 * closes nothing.
 */
export function isClosedBy(
  way: Openness,
  met: HoldfastError,
  { attempt, at }: { readonly attempt: number; readonly at: number },
): boolean {
  if (attempt !== way.attempt) way.troubles++;
  way.attempt = attempt;
  // What the server should not have signed will be no better the next time, and no part will be smaller.
  const isHopeless =
    met.code === "signature_refused" || met.code === "insecure_transport" || isTooLarge(met);
  const isLong = way.confirmedAt === undefined || at - way.confirmedAt >= CLOSED_MS;
  return isHopeless || (way.troubles >= TROUBLES_MAX && isLong);
}
