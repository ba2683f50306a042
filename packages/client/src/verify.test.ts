import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { testDigester as digester, manifestOf } from "./node/testing/served-bytes.ts";
import type { Source, TransportRequest, TransportResponse } from "./ports.ts";
import { ALONE } from "./share.ts";
import { verifyFile, verifySource } from "./verify.ts";

const PART = 1000;
const bytes = Uint8Array.from({ length: 10 * PART + 7 }, (_, at) => (at * 7) % 251);

function sourceOf(content: Uint8Array): Source {
  return {
    name: "x",
    identity: "x",
    fingerprint: { size: content.length, mtimeMs: 0, ctimeMs: 0, ino: 0 },
    read: async (offset, into) => into.set(content.subarray(offset, offset + into.length)),
    isChanged: async () => false,
    close: async () => undefined,
  };
}

const manifest = manifestOf(bytes, PART);

describe("a local copy", () => {
  it("that is the same has no bad part, and is told of to its end", async () => {
    const told: number[] = [];
    const options = { manifest, onProgress: (at: number) => void told.push(at) };
    expect(await verifySource(sourceOf(bytes), options, digester)).toEqual([]);
    expect(told).toHaveLength(11);
    expect(told.at(-1)).toBe(bytes.length);
  });

  it("that is empty as the file is has none either", async () => {
    const empty = new Uint8Array(0);
    expect(
      await verifySource(sourceOf(empty), { manifest: manifestOf(empty, PART) }, digester),
    ).toEqual([]);
  });

  it("has the parts that differ, and those that are not there", async () => {
    const copy = bytes.slice(0, 9 * PART + 1);
    copy[3 * PART] = 255;
    const bad = await verifySource(sourceOf(copy), { manifest }, digester);
    expect(bad).toEqual([
      { index: 3, offset: 3 * PART, size: PART, problem: "differs" },
      { index: 9, offset: 9 * PART, size: PART, problem: "missing" },
      { index: 10, offset: 10 * PART, size: 7, problem: "missing" },
    ]);
  });
});

describe("what a server sends", () => {
  /** Answers of a server that has `content`, the later ones sooner. */
  function network(content: Uint8Array, spoil?: (start: number) => HoldfastError | undefined) {
    let inFlight = 0;
    let most = 0;
    const transport = {
      mayRepeat: false,
      async request({ headers }: TransportRequest): Promise<TransportResponse> {
        most = Math.max(most, ++inFlight);
        const [, from = 0, to = 0] = (/bytes=(\d+)-(\d+)/.exec(headers["range"] ?? "") ?? []).map(
          Number,
        );
        await new Promise((resolve) => setTimeout(resolve, from === 0 ? 20 : 1));
        inFlight--;
        const error = spoil?.(from);
        if (error) throw error;
        const range = `bytes ${from}-${to}/${content.length}`;
        const told = new Map([
          ["holdfast-version", "1"],
          ["content-range", range],
        ]);
        return {
          status: 206,
          header: (name) => told.get(name),
          read: async (take) => void (await take(content.subarray(from, to + 1))),
        };
      },
      close: () => undefined,
    };
    const random = { bytes: (size: number) => new Uint8Array(size) };
    const ports = { transport, clock: createVirtualClock(), random, share: ALONE, digester };
    return { ports, most: () => most };
  }
  const url = "http://127.0.0.1:1/v1/files/x";

  it("is asked for several parts at a time, and told of in their order", async () => {
    const damaged = bytes.slice();
    damaged[0] = 255;
    damaged[8 * PART + 1] = 255;
    const { ports, most } = network(damaged);
    const bad = await verifyFile({ url, manifest }, ports);
    expect(bad.map(({ index }) => index)).toEqual([0, 8]);
    expect(most()).toBe(4);
  });

  it("that ends in an error ends the others", async () => {
    const { ports } = network(bytes, (start) =>
      start === 2 * PART ? new HoldfastError("precondition_failed") : undefined,
    );
    await expect(verifyFile({ url, manifest }, ports)).rejects.toMatchObject({
      code: "precondition_failed",
    });
  });
});
