// Confirming: together, one request at a time, each part by itself where one is not there.
import { HoldfastError, type PartDigest } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createConfirmer } from "./confirmer.ts";

const { signal } = new AbortController();
const part = (index: number): PartDigest => ({ index, digest: Uint8Array.of(index) });

describe("confirming parts", () => {
  it("goes in one request for those that come while another is asked for", async () => {
    const asked: number[][] = [];
    const gate = Promise.withResolvers<void>();
    const confirmer = createConfirmer(createVirtualClock(), async (parts) => {
      asked.push(parts.map(({ index }) => index));
      await gate.promise;
    });
    const first = [0, 1].map((index) => confirmer.confirm(part(index), signal));
    await Promise.resolve();
    await Promise.resolve();
    const later = Array.from({ length: 150 }, (_, at) => confirmer.confirm(part(at + 2), signal));
    gate.resolve();
    await Promise.all([...first, ...later]);
    expect(asked.map(({ length }) => length)).toEqual([2, 100, 50]);
    await confirmer.confirm(part(0), signal);
    expect(asked).toHaveLength(4);
  });

  it("fails for what is missing and goes on for the rest", async () => {
    const asked: number[][] = [];
    const confirmer = createConfirmer(createVirtualClock(), async (parts) => {
      asked.push(parts.map(({ index }) => index));
      if (parts.some(({ index }) => index === 1 || index === 2))
        throw new HoldfastError("parts_missing", undefined, { missing: [[1, 3]] });
    });
    const ends = await Promise.allSettled(
      [0, 1, 2, 3].map((index) => confirmer.confirm(part(index), signal)),
    );
    expect(ends.map(({ status }) => status)).toEqual([
      ...["fulfilled", "rejected", "rejected", "fulfilled"],
    ]);
    expect(asked).toEqual([
      [0, 1, 2, 3],
      [0, 3],
    ]);
  });

  it.each([
    ["another digest", new HoldfastError("part_conflict", undefined, { index: 1 })],
    [
      "an answer that names nothing of theirs",
      new HoldfastError("parts_missing", undefined, { missing: [[7, 9]] }),
    ],
    ["no answer", new HoldfastError("connection_failed")],
  ])("fails for all with %s", async (_, error) => {
    const confirmer = createConfirmer(createVirtualClock(), async () => {
      throw error;
    });
    const both = [0, 1].map((index) => confirmer.confirm(part(index), signal));
    for (const one of both) await expect(one).rejects.toBe(error);
  });

  it("is not waited for by whoever is stopped", async () => {
    const confirmer = createConfirmer(createVirtualClock(), () => new Promise(() => undefined));
    const stopping = new AbortController();
    const told = confirmer.confirm(part(0), stopping.signal);
    stopping.abort(new HoldfastError("aborted"));
    await expect(told).rejects.toMatchObject({ code: "aborted" });
  });

  /** What was asked for, part by part; `bring` expects parts, `come` brings them. */
  function gathering() {
    const clock = createVirtualClock();
    const asked: number[][] = [];
    const confirmer = createConfirmer(clock, async (parts) => {
      asked.push(parts.map(({ index }) => index));
    });
    const arrivals = new Map<number, () => void>();
    return {
      ...{ clock, asked },
      bring: (...indexes: number[]) => {
        for (const index of indexes) arrivals.set(index, confirmer.expect());
      },
      come: async (...indexes: number[]) => {
        for (const index of indexes) {
          arrivals.get(index)?.();
          void confirmer.confirm(part(index), signal);
        }
        await new Promise(setImmediate);
      },
      fail: async (index: number) => {
        arrivals.get(index)?.();
        await new Promise(setImmediate);
      },
    };
  }

  it("gathers parts while others are on their way, once the first was found", async () => {
    const { asked, bring, come } = gathering();
    bring(...Array.from({ length: 40 }, (_, at) => at));
    await come(0);
    expect(asked).toEqual([[0]]);
    for (let index = 1; index < 16; index++) await come(index);
    expect(asked).toHaveLength(1);
    await come(16);
    expect(asked.map(({ length }) => length)).toEqual([1, 16]);
  });

  it("waits a second, and no longer than for what is on its way", async () => {
    const { asked, bring, come, fail, clock } = gathering();
    bring(0, 1, 2, 3, 4);
    await come(0);
    await come(1);
    clock.advance(999);
    await come(2);
    expect(asked).toEqual([[0]]);
    clock.advance(1);
    await new Promise(setImmediate);
    expect(asked).toEqual([[0], [1, 2]]);
    await come(3);
    expect(asked).toHaveLength(2);
    await fail(4);
    expect(asked).toEqual([[0], [1, 2], [3]]);
  });

  it("gathers nothing after a part was missing, until one is found again", async () => {
    const asked: number[][] = [];
    const confirmer = createConfirmer(createVirtualClock(), async (parts) => {
      asked.push(parts.map(({ index }) => index));
      if (asked.length === 2)
        throw new HoldfastError("parts_missing", undefined, { missing: [[1, 2]] });
    });
    confirmer.expect();
    await confirmer.confirm(part(0), signal);
    const group = Array.from({ length: 16 }, (_, at) => confirmer.confirm(part(at + 1), signal));
    await Promise.allSettled(group);
    expect(asked.map(({ length }) => length)).toEqual([1, 16, 15]);
  });

  it("asks for nothing that nobody waits for any more", async () => {
    const clock = createVirtualClock();
    const asked: number[][] = [];
    const confirmer = createConfirmer(clock, async (parts) => {
      asked.push(parts.map(({ index }) => index));
    });
    confirmer.expect();
    await confirmer.confirm(part(0), signal);
    const stopping = new AbortController();
    const told = confirmer.confirm(part(1), stopping.signal);
    stopping.abort(new HoldfastError("aborted"));
    await expect(told).rejects.toMatchObject({ code: "aborted" });
    clock.advance(10_000);
    await new Promise(setImmediate);
    expect(asked).toEqual([[0]]);
  });
});
