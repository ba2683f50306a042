// The bad lines of the targets: how fast, how far away, and what happens to the connections on them.
import { MIB } from "@holdfast/protocol";
import type { Fate, ProxyOptions } from "@holdfast/testkit/proxy";
import { createDice } from "../../e2e/kit/source.ts";

export interface Condition {
  readonly name: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly line: NonNullable<ProxyOptions["line"]> & { readonly bytesPerSecond: number };
  /** What happens to each connection of a round: the same for everybody who is measured in it. */
  readonly fates: (round: number) => (index: number) => Fate;
  /** Every connection is reset this often, in milliseconds. */
  readonly resetEveryMs?: number;
  /** Rounds, where fewer are enough than the bench's own number. */
  readonly roundsMax: number;
  /** Share of the physical limit at least, and bytes sent twice as a share of the file at most. */
  readonly target: { readonly speed?: number; readonly twice: number };
}

type Cut = Extract<Fate, { readonly kind: "cut" }>;

const LINE_A = { latencyMs: 75, bytesPerSecond: 20e6 / 8 };
const RESET_EVERY: number = 8 * MIB;

/** A reset every `RESET_EVERY` bytes on average, without memory: what a connection has behind it says nothing about what is before it. */
function resets(round: number): (index: number) => Cut {
  const dice = createDice(1000 + round);
  const fates: Cut[] = [];
  return (index) => {
    while (fates.length <= index) {
      const afterBytes = Math.ceil(-Math.log(1 - dice.fraction()) * RESET_EVERY);
      fates.push({ kind: "cut", afterBytes });
    }
    return fates[index] ?? { kind: "cut", afterBytes: RESET_EVERY };
  };
}

/** One of ten connections freezes instead: always one of the first ten, since few tens are needed. */
function freezes(round: number): (index: number) => Fate {
  const cuts = resets(round);
  return (index) => {
    const fate = cuts(index);
    return index % 10 === (round + 2) % 10 ? { kind: "freeze", afterBytes: fate.afterBytes } : fate;
  };
}

export const LINE_A_RESETS: Condition = {
  name: "line A, 20 Mbit/s, 150 ms, a reset every 8 MiB",
  size: 100 * MIB,
  line: LINE_A,
  fates: resets,
  roundsMax: 3,
  target: { speed: 0.9, twice: 0.08 },
};

/** The same line for what comes down it: the same resets, after as many bytes of the server's. */
export const LINE_A_DOWN: Omit<Condition, "target"> = {
  ...LINE_A_RESETS,
  name: "100 MiB down line A",
  fates: (round) => {
    const cuts = resets(round);
    return (index) => ({ ...cuts(index), of: "server" });
  },
};

export const LINE_A_FREEZES: Condition = {
  name: "line A, and 1 connection in 10 freezes",
  size: 100 * MIB,
  line: LINE_A,
  fates: freezes,
  roundsMax: 3,
  target: { speed: 0.86, twice: 0.08 },
};

export const LINE_C: Condition = {
  name: "line C, 67 KB/s, a reset every 60 s",
  size: 12 * MIB,
  line: { latencyMs: 50, bytesPerSecond: 67_000 },
  fates: () => () => ({ kind: "well" }),
  resetEveryMs: 60_000,
  roundsMax: 1,
  target: { twice: 0.1 },
};
