// How many pages of this origin have an engine that holds anything, or has: what may be held, they hold together.
import type { Clock } from "../ports.ts";

/** Each engine has it from its first question on as long as it lives, beside the others: one that only watches holds nothing. */
const NAME = "holdfast.engine";
/** The answer may be so old, in milliseconds. */
const LOOK_MS = 1_000;
/** Where nobody can tell. */
const ASSUMED = 2;

/** `locks` is undefined where the browser has none for this page. At least 1; what has changed is known a moment later. */
export function countTabs(
  locks: LockManager | undefined,
  clock: Pick<Clock, "monotonic">,
): () => number {
  if (!locks) return () => ASSUMED;
  let tabs = ASSUMED;
  let lookedAt: number | undefined;
  const forever = new Promise<never>(() => undefined);
  const look = async () => {
    const { held = [] } = await locks.query();
    tabs = Math.max(1, held.filter(({ name }) => name === NAME).length);
  };
  return () => {
    const now = clock.monotonic();
    // Refused where the page may store nothing: then it stays with what is assumed.
    if (lookedAt === undefined)
      locks.request(NAME, { mode: "shared" }, () => forever).catch(() => undefined);
    if (lookedAt === undefined || now - lookedAt >= LOOK_MS) {
      lookedAt = now;
      look().catch(() => undefined);
    }
    return tabs;
  };
}
