// What a small file says now: read again when it changes, looked at no more than once a second.
import { type BigIntStats, readFileSync, statSync } from "node:fs";
import type { Clock } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";

const LOOK_MS = 1000;

/** The file is small and looked at where a request waits anyway: two system calls a second cost less than what asynchrony would. */
export interface WatchedFile<T> {
  /**
   * What the file says, or undefined while there never was one.
   *
   * @throws HoldfastError `storage_failed` where it cannot be read now, says nothing that can be understood, or is gone although it was there: what it said last
   * may just have been taken back.
   */
  current(): T | undefined;
  /** As `current`, looked at now: for what is not there yet, and may have been put there a moment ago. */
  latest(): T | undefined;
}

/** @param decode Throws for text that cannot be understood. @param onTrouble Told once for each state of the file that cannot be used. */
export function watchFile<T>(
  path: string,
  clock: Pick<Clock, "monotonic">,
  decode: (text: string) => T,
  onTrouble: (cause: unknown) => void,
): WatchedFile<T> {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let seen = "";
  let state: { readonly value: T | undefined } | { readonly trouble: unknown } = {
    value: undefined,
  };

  function look(): void {
    try {
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      const now = stats ? identityOf(stats) : "";
      if (now === seen && "value" in state) return;
      if (!stats) throw new Error(`${path} is gone`);
      state = { value: decode(readFileSync(path, "utf8")) };
      seen = now;
    } catch (trouble) {
      const isNew = !("trouble" in state) || String(state.trouble) !== String(trouble);
      state = { trouble };
      if (isNew) onTrouble(trouble);
    }
  }

  function after(ms: number): T | undefined {
    const now = clock.monotonic();
    if (now - lookedAt >= ms) {
      lookedAt = now;
      look();
    }
    if ("value" in state) return state.value;
    throw new HoldfastError("storage_failed", "rights cannot be read now", {}, state.trouble);
  }

  return { current: () => after(LOOK_MS), latest: () => after(0) };
}

/** A rename gives another inode, a write in place another time of change. */
function identityOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].join(" ");
}
