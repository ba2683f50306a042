// One piece of work again and again until it succeeds, or until no repetition would help.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Clock, Random } from "./ports.ts";
import { judge } from "./retry.ts";
import { sleep } from "./sleep.ts";
import type { Trouble } from "./state.ts";

export interface Persistence {
  readonly clock: Clock;
  readonly random: Random;
  /** Gives up after this long without success, in milliseconds; never where undefined. */
  readonly giveUpMs?: number;
  readonly signal: AbortSignal;
  /** When anything went forward last, in milliseconds (monotonic): patience begins there. */
  progressAt(): number;
  onTrouble(trouble: Trouble): void;
}

/**
 * Resolves with what `work` does; `attempt` counts from 1.
 *
 * @throws HoldfastError the first that no repetition would help, `gave_up`, or the signal's reason
 */
export async function persist<T>(
  how: Persistence,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      how.signal.throwIfAborted();
      await pauseAfter(toHoldfastError(error), attempt, how);
    }
  }
}

async function pauseAfter(error: HoldfastError, attempt: number, how: Persistence): Promise<void> {
  const { clock, random, giveUpMs = Infinity, signal } = how;
  const [high = 0, low = 0] = random.bytes(2);
  const verdict = judge(error, attempt - 1, (high * 256 + low) / 65_535);
  if (verdict.kind !== "wait") throw error;
  const left = how.progressAt() + giveUpMs - clock.monotonic();
  if (left <= 0) {
    const why = `no progress for too long; the last trouble: ${error.message}`;
    throw new HoldfastError("gave_up", why, { last: error.code }, error);
  }
  const waitMs = Math.max(0, Math.min(verdict.waitMs, left));
  how.onTrouble({ code: error.code, attempt, waitMs, detail: error.message });
  await sleep(clock, waitMs, signal);
}
