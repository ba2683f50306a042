// A download may take hours: rights that end meanwhile end it.
import { handOn, type Pieces, type Principal, RIGHTS_MS } from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import type { Front } from "../front.ts";

/**
 * The pieces, for as long as the principal may read: asked every five seconds, and of a reader that is slow before its next piece.
 * @throws HoldfastError what the policy says. Where rights cannot be known now, those that were there when it began stand, as for bodies.
 */
export function whileAllowed(
  { policy, clock }: Pick<Front, "policy" | "clock">,
  principal: Principal,
  pieces: Pieces,
): Pieces {
  let askedAt = clock.monotonic();
  async function askAgain(): Promise<void> {
    askedAt = clock.monotonic();
    try {
      await policy.decide(principal, "read", principal);
    } catch (error) {
      if (!isRefusal(error)) return;
      await pieces.return();
      throw error;
    }
  }
  return handOn(pieces, async () => {
    const piece = await pieces.next();
    // Asked when it is there: what an upload is followed by may be waited for, longer than any right lasts.
    if (!piece.done && clock.monotonic() - askedAt >= RIGHTS_MS) await askAgain();
    return piece;
  });
}

/** Whether somebody is told that he may not. */
export function isRefusal(error: unknown): boolean {
  return isHoldfastError(error) && (error.code === "unauthorized" || error.code === "forbidden");
}
