// Tells the server of parts that went straight to storage, many in one request: only what it has found there is committed.
import {
  type HoldfastError,
  PARTS_WANTED_MAX,
  type PartDigest,
  toHoldfastError,
} from "@holdfast/protocol";
import { unlessAborted } from "./signer.ts";

export interface Confirmer {
  /** Resolves when the part is committed. @throws HoldfastError `parts_missing` where it is not there, `part_conflict`; what asking met; the signal's reason */
  confirm(part: PartDigest, signal: AbortSignal): Promise<void>;
}

interface Waiting {
  readonly part: PartDigest;
  resolve(): void;
  reject(error: unknown): void;
}

/** One request at a time: what comes meanwhile goes with the next one. `ask` resolves when all of the parts are committed. */
export function createConfirmer(
  ask: (parts: readonly PartDigest[]) => Promise<unknown>,
): Confirmer {
  const waiting: Waiting[] = [];
  let isAsking = false;

  async function askAll(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    // Those that end together go together.
    await Promise.resolve();
    for (let group = next(); group.length > 0; group = next()) await askGroup(group);
    isAsking = false;
  }

  const next = () => waiting.splice(0, PARTS_WANTED_MAX);

  async function askGroup(group: readonly Waiting[]): Promise<void> {
    try {
      await ask(group.map(({ part }) => part));
      for (const { resolve } of group) resolve();
    } catch (error) {
      const isMissing = missingIn(toHoldfastError(error));
      const lost = group.filter(({ part }) => isMissing(part.index));
      // One that is not there says nothing of the others, but that they have not been confirmed.
      const others = lost.length === 0 ? [] : group.filter((one) => !lost.includes(one));
      waiting.unshift(...others);
      for (const { reject } of lost.length === 0 ? group : lost) reject(error);
    }
  }

  return {
    confirm(part, signal) {
      const told = new Promise<void>((resolve, reject) => {
        waiting.push({ part, resolve, reject });
      });
      void askAll();
      return unlessAborted(told, signal);
    },
  };
}

function missingIn({ code, details }: HoldfastError): (index: number) => boolean {
  const ranges: unknown = details["missing"];
  if (code !== "parts_missing" || !Array.isArray(ranges)) return () => false;
  return (index) =>
    ranges.some((range: unknown) => Array.isArray(range) && index >= range[0] && index < range[1]);
}
