// Signed requests by a virtual clock: batches, lives, refusals.
import { HoldfastError, type PartDigest } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { beforeEach, describe, expect, it } from "vitest";
import { createSigner, type Signed, type SignerParts } from "./signer.ts";

const LIFE_MS = 900_000;
const { signal } = new AbortController();

let clock: ReturnType<typeof createVirtualClock>;
let asked: number[][];
beforeEach(() => {
  clock = createVirtualClock();
  asked = [];
});

const digestOf = (index: number) => Uint8Array.of(index);

async function ask(parts: readonly PartDigest[]): Promise<readonly Signed[]> {
  asked.push(parts.map(({ index }) => index));
  const times = asked.length;
  return parts.map(({ index }) => ({
    leftMs: LIFE_MS,
    request: {
      ...{ index, url: `/p/${index}/${times}`, method: "PUT" as const, headers: {} },
      expiresAt: 0,
    },
  }));
}

function signerOf(more: Partial<SignerParts> = {}) {
  return createSigner({
    ...{ clock, batchMax: 100, partCount: 40, isSettled: () => false, ask },
    digest: async (index) => digestOf(index),
    ...more,
  });
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("signed requests", () => {
  it("come in batches that grow, asked for before the last one is used up", async () => {
    const signer = signerOf();
    for (let index = 0; index < 40; index++) {
      const { request, digest } = await signer.take(index, signal);
      expect([request.index, digest]).toEqual([index, digestOf(index)]);
      signer.settle(index);
      await settle();
    }
    expect(asked.flat()).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(asked.map(({ length }) => length)).toEqual([4, 8, 16, 12]);
  });

  it.each([
    ["fast", 500, [4, 8, 16, 32, 40]],
    ["slow", 10_000, [4, 8, 16, 16, 8]],
    ["very slow", 30_000, [4, 8, 16, 8, 4]],
  ])("come in batches that a %s line uses up in good time", async (_, partMs, sizes) => {
    const signer = signerOf({ partCount: 100 });
    for (let index = 0; index < 100; index++) {
      await signer.take(index, signal);
      clock.advance(partMs);
      signer.settle(index);
      await settle();
    }
    expect(asked.slice(0, sizes.length).map(({ length }) => length)).toEqual(sizes);
    expect(asked.flat()).toHaveLength(100);
  });

  it("are asked for once by those who want them at once", async () => {
    const signer = signerOf();
    await Promise.all([0, 1, 2, 3].map((index) => signer.take(index, signal)));
    expect(asked[0]).toEqual([0, 1, 2, 3]);
    expect(asked.flat().filter((index) => index < 4)).toHaveLength(4);
  });

  it("are never asked for where the part is there already", async () => {
    const signer = signerOf({ isSettled: (index) => index % 2 === 0, partCount: 9 });
    await signer.take(1, signal);
    await settle();
    expect(asked.flat().every((index) => index % 2 === 1)).toBe(true);
  });

  it("are the same until shortly before they end, then others", async () => {
    const signer = signerOf({ partCount: 1 });
    const first = await signer.take(0, signal);
    clock.advance(LIFE_MS - 30_001);
    expect(await signer.take(0, signal)).toBe(first);
    clock.advance(1);
    expect((await signer.take(0, signal)).request.url).toBe("/p/0/2");
  });

  it("with a short life are used for three quarters of it", async () => {
    const short = async (parts: readonly PartDigest[]) =>
      (await ask(parts)).map((one) => ({ ...one, leftMs: 4_000 }));
    const signer = signerOf({ partCount: 1, ask: short });
    const first = await signer.take(0, signal);
    clock.advance(2_999);
    expect(await signer.take(0, signal)).toBe(first);
    clock.advance(1);
    expect(await signer.take(0, signal)).not.toBe(first);
  });

  it("that one refusal shows to be taken back are asked for anew, later ones are kept", async () => {
    const signer = signerOf({ partCount: 12 });
    const [first, second] = await Promise.all([signer.take(0, signal), signer.take(1, signal)]);
    await settle();
    // The look ahead has brought the next batch.
    expect(asked).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7, 8, 9, 10, 11],
    ]);
    const later = await signer.take(4, signal);
    signer.refuse(first);
    expect((await signer.take(1, signal)).request.url).toBe("/p/1/3");
    expect(asked[2]).toEqual([1, 2, 3]);
    expect(await signer.take(4, signal)).toBe(later);
    // Refused a second time by somebody slower, it says nothing of the new ones.
    signer.refuse(second);
    expect((await signer.take(1, signal)).request.url).toBe("/p/1/3");
  });

  it("fail for those who wait, and can be had the next time", async () => {
    let isAway = true;
    const signer = signerOf({
      async ask(parts) {
        if (isAway) throw new HoldfastError("connection_failed");
        return ask(parts);
      },
    });
    const both = [signer.take(0, signal), signer.take(1, signal)];
    for (const one of both) await expect(one).rejects.toMatchObject({ code: "connection_failed" });
    isAway = false;
    expect((await signer.take(1, signal)).request.index).toBe(1);
  });

  it("are asked for anew after a night's sleep, through which the monotonic clock stood still", async () => {
    let slept = 0;
    const signer = signerOf({ clock: { ...clock, now: () => clock.now() + slept } });
    const before = await signer.take(0, signal);
    expect(await signer.take(0, signal)).toBe(before);
    slept = 8 * 3_600_000;
    expect((await signer.take(0, signal)).request.url).not.toBe(before.request.url);
    // A clock that is put back makes them live no longer.
    slept = -8 * 3_600_000;
    clock.advance(LIFE_MS);
    const old = asked.length;
    await signer.take(0, signal);
    expect(asked.length).toBe(old + 1);
  });

  it("that an answer leaves out are no reason to ask for ever", async () => {
    const signer = signerOf({ partCount: 1, ask: async () => [] });
    await expect(signer.take(0, signal)).rejects.toMatchObject({ code: "not_holdfast" });
  });

  it("are not waited for by whoever is stopped, and come for the others", async () => {
    const gate = Promise.withResolvers<void>();
    const signer = signerOf({ ask: (parts) => gate.promise.then(() => ask(parts)) });
    const stopping = new AbortController();
    const stopped = signer.take(0, stopping.signal);
    const other = signer.take(1, signal);
    stopping.abort(new HoldfastError("aborted"));
    await expect(stopped).rejects.toMatchObject({ code: "aborted" });
    gate.resolve();
    expect((await other).request.index).toBe(1);
  });

  it("are not read for any more once they end", async () => {
    const read: number[] = [];
    const gate = Promise.withResolvers<void>();
    const signer = signerOf({
      async digest(index, own) {
        own.throwIfAborted();
        read.push(index);
        await gate.promise;
        return digestOf(index);
      },
    });
    const taken = signer.take(0, signal);
    taken.catch(() => undefined);
    const ended = signer.end();
    gate.resolve();
    await ended;
    await expect(taken).rejects.toMatchObject({ code: "aborted" });
    expect(read).toEqual([0]);
  });
});
