import { addPart, createPartSet, type Grid, MIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createEmitter, type Progress } from "./events.ts";
import { createTeller } from "./teller.ts";

const GRID: Grid = { size: 4 * MIB, partSize: MIB };

function planWith(...parts: readonly number[]) {
  const committed = createPartSet(4);
  for (const part of parts) addPart(committed, part);
  return { grid: GRID, committed };
}

function start() {
  const clock = createVirtualClock();
  const { on, emit } = createEmitter();
  const told: Progress[] = [];
  on("progress", (progress) => told.push(progress));
  const teller = createTeller(clock, emit);
  const counts = () => told.map(({ committed, sent }) => [committed, sent]);
  return { clock, teller, told, counts };
}

describe("progress", () => {
  it("tells of everything that was sent, though the last of it came right after the rest", () => {
    const { clock, teller, counts } = start();
    teller.follow(planWith(0));
    for (const bytes of [10, 20, 30]) teller.moved(1, bytes);
    expect(counts()).toEqual([[MIB, 0]]);
    clock.advance(1_000);
    expect(counts().slice(1)).toEqual([[MIB, 60]]);
  });

  it("takes back what a run had sent that is over, and tells of what it committed at once", () => {
    const { clock, teller, counts } = start();
    teller.follow(planWith());
    teller.moved(1, MIB);
    teller.moved(2, 5);
    clock.advance(1_000);
    teller.landed(1);
    teller.follow(planWith(0));
    teller.landed(2);
    clock.advance(1_000);
    teller.landed(3);
    clock.advance(1_000);
    expect(counts().slice(1)).toEqual([
      [0, MIB + 5],
      [MIB, 5],
      [MIB, 0],
    ]);
  });

  it("ends with the last word at once, and nothing after it", () => {
    const { clock, teller, counts } = start();
    teller.follow(planWith(0));
    teller.moved(1, 7);
    teller.settle();
    teller.settle();
    clock.advance(1_000);
    expect(counts()).toEqual([
      [MIB, 0],
      [MIB, 7],
    ]);
  });

  it("ends with the whole file, whoever brought the rest of it", () => {
    const file = { id: "f", url: "u", size: GRID.size, root: "r" };
    const there = start();
    there.teller.completed(file);
    expect(there.told).toMatchObject([{ committed: GRID.size, sent: 0, size: GRID.size }]);
    const elsewhere = start();
    elsewhere.teller.follow(planWith(0));
    elsewhere.teller.completed(file);
    expect(elsewhere.counts()).toEqual([
      [MIB, 0],
      [GRID.size, 0],
    ]);
    const own = start();
    own.teller.follow(planWith(0, 1, 2, 3));
    own.teller.completed(file);
    expect(own.counts()).toEqual([[GRID.size, 0]]);
  });
});
