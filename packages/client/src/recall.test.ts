import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCheckpointStore } from "./node/checkpoint.ts";
import { systemDigester } from "./node/platform.ts";
import type { CheckpointStore } from "./ports.ts";
import { type LineMemory, recallLine, recallUpload, rememberLine } from "./recall.ts";

const DAY = 24 * 60 * 60 * 1000;
const SERVER = "https://files.example/holdfast";

let directory: string;
let checkpoints: CheckpointStore;
const clock = createVirtualClock();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-recall-"));
  checkpoints = createCheckpointStore({ directory, now: () => clock.now() });
});
afterEach(() => {
  checkpoints.close();
  rmSync(directory, { recursive: true });
});

const place = (lines: LineMemory = new Map()) => ({
  checkpoints,
  digester: systemDigester,
  clock,
  lines,
});

describe("a limit of bodies that is remembered", () => {
  it("is tried by one upload a day, of those that are long enough for it", async () => {
    await rememberLine(place(), "up", SERVER, { inFlight: 4, rate: 1e6, bodyMax: MIB });
    const ours: LineMemory = new Map();
    const recall = async (size: number) =>
      (await recallUpload(place(ours), SERVER, size))?.mayTryLonger ?? false;
    expect(await recall(100 * MIB)).toBe(false);
    clock.advance(DAY);
    const small = await recallUpload(place(ours), SERVER, MIB);
    expect(small).toMatchObject({ bodyMax: MIB });
    expect(small).not.toHaveProperty("mayTryLonger");
    const first = await Promise.all([recall(100 * MIB), recall(100 * MIB), recall(100 * MIB)]);
    expect(first.filter(Boolean)).toHaveLength(1);
    clock.advance(DAY - 1000);
    expect(await recall(100 * MIB)).toBe(false);
    clock.advance(1000);
    expect(await recall(100 * MIB)).toBe(true);
    expect(await recallLine(place(), "up", SERVER)).toMatchObject({ inFlight: 4, bodyMax: MIB });
  });
});

describe("what many transfers teach", () => {
  it("is saved every few seconds, and known to the next of them at once", async () => {
    const saved: string[] = [];
    const counting: CheckpointStore = {
      ...checkpoints,
      async save(key, value) {
        saved.push(value);
        await checkpoints.save(key, value);
      },
    };
    const here = { ...place(), checkpoints: counting };
    for (let file = 0; file < 10_000; file++) {
      await rememberLine(here, "up", SERVER, { inFlight: 4, rate: 1000 + file });
      if (file % 2 === 0) clock.advance(1);
    }
    // 5 s in all.
    expect(saved.length).toBeLessThanOrEqual(2);
    expect(await recallLine(here, "up", SERVER)).toEqual({ inFlight: 4, rate: 10_999 });
    await rememberLine(here, "up", SERVER, { inFlight: 4, rate: 1, bodyMax: MIB });
    expect(await recallLine(place(), "up", SERVER)).toMatchObject({ bodyMax: MIB });
    await rememberLine(here, "down", SERVER, { inFlight: 2, rate: 5 });
    expect(await recallLine(place(), "down", SERVER)).toEqual({ inFlight: 2, rate: 5 });
  });
});
