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
  async function askAgain(): ReturnType<Pieces["next"]> {
    askedAt = clock.monotonic();
    try {
      await policy.decide(principal, "read", principal);
    } catch (error) {
      if (isRefusal(error)) {
        await pieces.return();
        throw error;
      }
    }
    return pieces.next();
  }
  return handOn(pieces, () =>
    clock.monotonic() - askedAt < RIGHTS_MS ? pieces.next() : askAgain(),
  );
}

/** Whether somebody is told that he may not. */
export function isRefusal(error: unknown): boolean {
  return isHoldfastError(error) && (error.code === "unauthorized" || error.code === "forbidden");
}
