// Tells the server of parts that went straight to storage, many in one request: only what it has found there is committed.
import {
  type HoldfastError,
  PARTS_WANTED_MAX,
  type PartDigest,
  toHoldfastError,
} from "@holdfast/protocol";
import type { Clock } from "../ports.ts";
import { unlessAborted } from "./signer.ts";

export interface Confirmer {
  /** A part is on its way: those that are there wait for it, for a while. The returned function ends that, once. */
  expect(): () => void;
  /** Resolves when the part is committed. @throws HoldfastError `parts_missing` where it is not there, `part_conflict`; what asking met; the signal's reason */
  confirm(part: PartDigest, signal: AbortSignal): Promise<void>;
}

/** Each question costs the server a look into the store and a flush: so many parts gather for one, or what comes in so many milliseconds. */
const GROUP_PARTS = 16;
const GROUP_MS = 1_000;

interface Waiting {
  readonly part: PartDigest;
  resolve(): void;
  reject(error: unknown): void;
}

/** One request at a time: what comes meanwhile goes with the next one. `ask` resolves when all of the parts are committed. */
export function createConfirmer(
  clock: Pick<Clock, "after">,
  ask: (parts: readonly PartDigest[]) => Promise<unknown>,
): Confirmer {
  const waiting: Waiting[] = [];
  let expected = 0;
  let isAsking = false;
  /** The last question found all that it asked for. Before that nothing gathers: somebody on the way may take parts that the store never gets. */
  let isProven = false;
  let isLate = false;
  let callOff: (() => void) | undefined;

  const isDue = () =>
    waiting.length > 0 && (!isProven || isLate || expected === 0 || waiting.length >= GROUP_PARTS);

  function look(): void {
    if (isAsking) return;
    if (isDue()) void askAll();
    else if (waiting.length > 0) callOff ??= clock.after(GROUP_MS, onLate);
    else endWait();
  }

  function onLate(): void {
    callOff = undefined;
    isLate = true;
    look();
  }

  function endWait(): void {
    callOff?.();
    callOff = undefined;
    isLate = false;
  }

  async function askAll(): Promise<void> {
    isAsking = true;
    // Those that end together go together.
    await Promise.resolve();
    while (isDue()) {
      endWait();
      await askGroup(waiting.splice(0, PARTS_WANTED_MAX));
    }
    isAsking = false;
    look();
  }

  async function askGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await ask(group.map(({ part }) => part));
      isProven = true;
      for (const { resolve } of group) resolve();
    } catch (error) {
      isProven = false;
      const isMissing = missingIn(toHoldfastError(error));
      const lost = group.filter(({ part }) => isMissing(part.index));
      // One that is not there says nothing of the others, but that they have not been confirmed.
      const others = lost.length === 0 ? [] : group.filter((one) => !lost.includes(one));
      waiting.unshift(...others);
      for (const { reject } of lost.length === 0 ? group : lost) reject(error);
    }
  }

  /** Whoever does not wait any more is not asked for. */
  function forget(one: Waiting): void {
    const at = waiting.indexOf(one);
    if (at < 0) return;
    waiting.splice(at, 1);
    look();
  }

  return {
    expect() {
      expected++;
      return () => {
        expected--;
        look();
      };
    },
    async confirm(part, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const one = { part, resolve, reject };
      waiting.push(one);
      look();
      await unlessAborted(promise, signal).finally(() => forget(one));
    },
  };
}

function missingIn({ code, details }: HoldfastError): (index: number) => boolean {
  const ranges: unknown = details["missing"];
  if (code !== "parts_missing" || !Array.isArray(ranges)) return () => false;
  return (index) =>
    ranges.some((range: unknown) => Array.isArray(range) && index >= range[0] && index < range[1]);
}
