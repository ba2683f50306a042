// Confirming: together, one request at a time, each part by itself where one is not there.
import { HoldfastError, type PartDigest } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { createConfirmer } from "./confirmer.ts";

const { signal } = new AbortController();
const part = (index: number): PartDigest => ({ index, digest: Uint8Array.of(index) });

describe("confirming parts", () => {
  it("goes in one request for those that come while another is asked for", async () => {
    const asked: number[][] = [];
    const gate = Promise.withResolvers<void>();
    const confirmer = createConfirmer(async (parts) => {
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
    const confirmer = createConfirmer(async (parts) => {
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
    const confirmer = createConfirmer(async () => {
      throw error;
    });
    const both = [0, 1].map((index) => confirmer.confirm(part(index), signal));
    for (const one of both) await expect(one).rejects.toBe(error);
  });

  it("is not waited for by whoever is stopped", async () => {
    const confirmer = createConfirmer(() => new Promise(() => undefined));
    const stopping = new AbortController();
    const told = confirmer.confirm(part(0), stopping.signal);
    stopping.abort(new HoldfastError("aborted"));
    await expect(told).rejects.toMatchObject({ code: "aborted" });
  });
});
