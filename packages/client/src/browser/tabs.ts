// How many pages of this origin have an engine now: what may be held, they hold together.
import type { Clock } from "../ports.ts";

/** Each engine has it as long as it lives, beside the others. */
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
  let lookedAt = -Infinity;
  const forever = new Promise<never>(() => undefined);
  // Refused where the page may store nothing: then it stays with what is assumed.
  locks.request(NAME, { mode: "shared" }, () => forever).catch(() => undefined);
  const look = async () => {
    const { held = [] } = await locks.query();
    tabs = Math.max(1, held.filter(({ name }) => name === NAME).length);
  };
  return () => {
    const now = clock.monotonic();
    if (now - lookedAt >= LOOK_MS) {
      lookedAt = now;
      look().catch(() => undefined);
    }
    return tabs;
  };
}
