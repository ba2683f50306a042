// A download may take hours: rights that end meanwhile end it.
import { type Principal, RIGHTS_MS } from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import type { Front } from "../front.ts";

/**
 * The pieces, for as long as the principal may read: asked every five seconds, and of a reader that is slow before its next piece.
 * @throws HoldfastError what the policy says. Where rights cannot be known now, those that were there when it began stand, as for bodies.
 */
export async function* whileAllowed(
  { policy, clock }: Pick<Front, "policy" | "clock">,
  principal: Principal,
  pieces: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  let askedAt = clock.monotonic();
  for await (const piece of pieces) {
    if (clock.monotonic() - askedAt >= RIGHTS_MS) {
      askedAt = clock.monotonic();
      await policy.decide(principal, "read", principal).catch((error: unknown) => {
        if (isRefusal(error)) throw error;
      });
    }
    yield piece;
  }
}

/** Whether somebody is told that he may not. */
export function isRefusal(error: unknown): boolean {
  return isHoldfastError(error) && (error.code === "unauthorized" || error.code === "forbidden");
}
