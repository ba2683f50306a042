// Digests piece by piece: all of them, for little memory, until rights or parts are taken back.
import { createEngine } from "@holdfast/engine";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { commitOnPaper, createPaperStorage, paperDigest } from "@holdfast/testkit/storage/paper";
import { alice, createRequest, memoryParts } from "@holdfast/testkit/world";
import { expect, it } from "vitest";

const PART = 256 * KIB;

async function begin(count: number, policy = memoryParts().policy) {
  const parts = memoryParts({ storage: createPaperStorage(), policy });
  const view = await createEngine(parts).create(alice, createRequest(count * PART));
  await commitOnPaper(parts.metadata, view, 2);
  return { parts, view, engine: createEngine(parts) };
}

it.each([1, 767, 768, 769, 2000])("come beside the status, of %i parts", async (count) => {
  const { engine, view } = await begin(count);
  const read = await engine.digests(alice, view.id);
  const pieces: Uint8Array[] = [];
  for await (const piece of read.pieces) pieces.push(piece);
  const all = Array.from({ length: count }, (_, index) =>
    index % 2 === 0 ? paperDigest(index) : new Uint8Array(32),
  );
  expect(Buffer.concat(pieces).equals(Buffer.concat(all))).toBe(true);
  expect([read.size, read.view.committed.partCount]).toEqual([count * 32, count]);
  expect(read.view).toEqual(await engine.status(alice, view.id));
});

it("of 100,000 parts cost each of 1,000 slow readers some KiB, also where the size is not known yet", async () => {
  const parts = memoryParts({ storage: createPaperStorage() });
  const engine = createEngine(parts);
  const { size: _, ...request } = createRequest(0);
  const view = await engine.create(alice, { ...request, maxSize: 100_000 * PART });
  await engine.digests(alice, view.id);
  const before = process.memoryUsage().arrayBuffers;
  const readers = await Promise.all(
    Array.from({ length: 1000 }, async () => {
      const { pieces, size } = await engine.digests(alice, view.id);
      expect(size).toBe(3_200_000);
      return { pieces, first: (await pieces.next()).value };
    }),
  );
  expect(readers.every(({ first }) => first?.length === 24 * KIB)).toBe(true);
  expect((process.memoryUsage().arrayBuffers - before) / 1000).toBeLessThan(64 * KIB);
});

it("end with the right to them, and where a part may have been taken back", async () => {
  let isRevoked = false;
  const policy = {
    ...memoryParts().policy,
    async decide() {
      if (isRevoked) throw new HoldfastError("unauthorized");
    },
  };
  const { engine, view } = await begin(2000, policy);
  const first = await engine.digests(alice, view.id);
  const start = await first.pieces.next();
  expect(start.value?.subarray(0, 32)).toEqual(paperDigest(0));
  await engine.revoke(alice, view.id);
  await expect(first.pieces.next()).rejects.toMatchObject({ code: "upload_not_open" });
  const second = await engine.digests(alice, view.id);
  await second.pieces.next();
  isRevoked = true;
  await expect(second.pieces.next()).rejects.toMatchObject({ code: "unauthorized" });
  await expect(engine.digests({ id: "eve", tenant: "eve" }, view.id)).rejects.toMatchObject({
    code: "upload_not_found",
  });
});
