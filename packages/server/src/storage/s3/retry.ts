// The same call again, for as long as its failure may pass.
import type { Clock, Random } from "@holdfast/engine";
import { S3Error } from "./calls.ts";
import { isPassing, storageError } from "./failure.ts";

export interface Patience {
  readonly clock: Clock;
  readonly random: Random;
}

const TRIES = 5;
const BASE_MS = 200;
const CAP_MS = 5_000;

/**
 * Runs a call that may be repeated, up to five times, with full jitter in between; a store that says when to come again is believed up to 5 s.
 * @throws HoldfastError `storage_failed`; whatever `work` threw that is no fault of a call.
 */
export async function retrying<T>(
  patience: Patience,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES || !isPassing(error)) throw storageError(error, doing);
      await pause(patience, tries, error);
    }
  }
}

export function pause({ clock, random }: Patience, tries: number, error?: unknown): Promise<void> {
  const fault = error instanceof S3Error ? error.fault : undefined;
  const asked = fault?.kind === "refused" ? (fault.retryAfterMs ?? 0) : 0;
  const [high = 0, low = 0] = random.bytes(2);
  const jitter = (high * 256 + low) / 65_536;
  const ms = Math.max(asked, jitter * BASE_MS * 2 ** tries);
  return new Promise((resolve) => clock.after(Math.min(ms, CAP_MS), resolve));
}
