// The claim on a transfer: taken at once, or when whoever has it lets go.
import { toHoldfastError } from "@holdfast/protocol";
import type { CheckpointStore, Clock } from "./ports.ts";
import { sleep } from "./sleep.ts";

/** What happens where another process is at the same transfer already. */
export type WhenBusy = "fail" | "wait";

/** So long until it is tried again: nothing tells of a process that has let go. In milliseconds. */
const AGAIN_MS = 500;

export interface Patience {
  readonly whenBusy?: WhenBusy | undefined;
  readonly signal: AbortSignal;
  /** Told once, before the waiting, what a person is to know. */
  readonly onBusy: (detail: string) => void;
}

/** @throws HoldfastError `transfer_busy` where nobody wants to wait, `checkpoint_failed`, or the signal's reason */
export async function takeClaim(
  { checkpoints, clock }: { readonly checkpoints: CheckpointStore; readonly clock: Clock },
  key: string,
  { whenBusy = "fail", signal, onBusy }: Patience,
): Promise<() => void> {
  for (let isTold = false; ; isTold = true) {
    try {
      return await checkpoints.claim(key);
    } catch (error) {
      const busy = toHoldfastError(error);
      if (busy.code !== "transfer_busy" || whenBusy === "fail") throw error;
      if (!isTold) onBusy(`${busy.message}; waiting for it to end`);
    }
    await sleep(clock, AGAIN_MS, signal);
  }
}
