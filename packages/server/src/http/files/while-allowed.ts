// A download may take hours: rights that end meanwhile end it.
import { handOn, type Pieces, RIGHTS_MS } from "@holdfast/engine";
import { type ErrorCode, isHoldfastError } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";

/** Rejects where it may not be read any more. */
export type StillMay = () => Promise<void>;

/**
 * The pieces, for as long as they may be read: asked every five seconds, and of a reader that is slow before its next piece and before what goes past the pieces until then.
 * @throws HoldfastError what `stillMay` says. Where rights cannot be known now, those that were there when it began stand, as for bodies.
 */
export function whileAllowed(
  { clock }: Pick<Front, "clock">,
  stillMay: StillMay,
  pieces: Pieces,
): Pieces {
  let askedAt = clock.monotonic();
  async function askIfDue(): Promise<void> {
    if (clock.monotonic() - askedAt < RIGHTS_MS) return;
    askedAt = clock.monotonic();
    try {
      await stillMay();
    } catch (error) {
      if (!isRefusal(error)) return;
      await pieces.return();
      throw error;
    }
  }
  return handOn(pieces, async () => {
    // The kernel may send megabytes before there is another piece, or all that is left.
    await askIfDue();
    const piece = await pieces.next();
    // Asked when it is there, too: what an upload is followed by may be waited for, longer than any right lasts.
    if (!piece.done) await askIfDue();
    return piece;
  });
}

/** Whether whoever sent this may read what is its tenant's; `alsoIf` asks after the link that it came by. */
export function whoMayRead(
  { policy }: Pick<Front, "policy">,
  { principal, link }: Call,
  alsoIf: StillMay,
): StillMay {
  return async () => {
    await policy.decide(principal, "read", principal);
    if (link !== undefined) await alsoIf();
  };
}

const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  ...(["unauthorized", "forbidden", "signature_refused", "file_not_found"] as const),
]);

/** Whether somebody is told that he may not, or that it is not there for him. */
function isRefusal(error: unknown): boolean {
  return isHoldfastError(error) && REFUSALS.has(error.code);
}
