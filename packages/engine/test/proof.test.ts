// Proofs of parts: right for every part of every shape of tree, cheap after the first one, and never made of damaged digests.
import { createEngine, type EngineParts, type FileRecord } from "@holdfast/engine";
import { encodeHex, KIB, proveInclusion, verifyInclusion } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { nodeDigests } from "@holdfast/testkit/digests";
import { commitOnPaper, createPaperStorage, paperDigest } from "@holdfast/testkit/storage/paper";
import { alice, createRequest, memoryParts } from "@holdfast/testkit/world";
import { expect, it } from "vitest";

const PART = 256 * KIB;

async function publish(count: number) {
  const reads: number[] = [];
  const paper = createPaperStorage();
  let isDamaged = false;
  const storage: EngineParts["storage"] = {
    ...paper,
    async read(object, offset, into, origin) {
      const size = await paper.read(object, offset, into, origin);
      if (object.kind === "manifest") reads.push(size);
      // Another digit of the first digest: still base64, still canonical.
      if (isDamaged && offset < 100) into[60 - offset] = 0x42 ^ (into[60 - offset] ?? 0) ^ 0x41;
      return size;
    },
  };
  const clock = createVirtualClock();
  let pauses = 0;
  const after: typeof clock.after = (ms, task) => {
    if (ms > 0) return clock.after(ms, task);
    pauses++;
    setImmediate(task);
    return () => undefined;
  };
  const parts = memoryParts({ storage, clock: { ...clock, after } });
  const before = createEngine(parts);
  const view = await before.create(alice, createRequest(count * PART));
  await commitOnPaper(parts.metadata, view);
  const engine = createEngine(parts);
  const done = await engine.complete(alice, view.id, {});
  const file = await engine.file(alice, done.file?.id ?? "");
  reads.length = 0;
  const damage = (is: boolean) => {
    isDamaged = is;
  };
  return {
    engine,
    file,
    reads,
    damage,
    pauses: () => pauses,
    restarted: () => createEngine(parts),
  };
}

function requireRight(
  file: FileRecord,
  index: number,
  digest: Uint8Array,
  proof: readonly Uint8Array[],
) {
  expect(encodeHex(digest)).toBe(encodeHex(paperDigest(index)));
  const part = { ...file, index, digest, proof };
  expect([index, verifyInclusion(nodeDigests.sha256, part, file.root)]).toEqual([index, true]);
}

it.each([1, 2, 255, 256, 257, 511, 512, 700])("are right for files of %i parts", async (count) => {
  const { engine, file } = await publish(count);
  const digests = new Uint8Array(count * 32);
  for (let index = 0; index < count; index++) digests.set(paperDigest(index), index * 32);
  const step = count > 300 ? 7 : 1;
  for (let index = 0; index < count; index += index < 250 || index > count - 20 ? 1 : step) {
    const { digest, proof } = await engine.proof(file, index);
    requireRight(file, index, digest, proof);
  }
  const last = await engine.proof(file, count - 1);
  const expected = proveInclusion(nodeDigests.sha256, { ...file, digests }, count - 1);
  expect(last.proof.map(encodeHex)).toEqual(expected.map(encodeHex));
});

it("of 100,000 parts hash them once, for however many ask, with turns for everybody else", async () => {
  const { engine, file, reads, pauses } = await publish(100_000);
  const turns = pauses();
  const first = await Promise.all(
    Array.from({ length: 20 }, (_, at) => engine.proof(file, at * 4_999)),
  );
  for (const [at, { digest, proof }] of first.entries())
    requireRight(file, at * 4_999, digest, proof);
  expect(pauses() - turns).toBe(390);
  // Once through the digests, and once for each who asked.
  expect(reads.length).toBe(391 + 20);
  reads.length = 0;
  const { digest, proof } = await engine.proof(file, 77_777);
  requireRight(file, 77_777, digest, proof);
  expect(reads).toHaveLength(1);
  expect(reads[0]).toBeLessThan(16 * KIB);
});

it("are refused where the stored digests are damaged, before they are known and after, and only then", async () => {
  const { file, damage, restarted } = await publish(600);
  const damaged = { code: "storage_failed" };
  const cold = restarted();
  damage(true);
  await expect(cold.proof(file, 300)).rejects.toMatchObject(damaged);
  damage(false);
  requireRight(file, 300, ...(await proofOf(cold, file, 300)));
  damage(true);
  await expect(cold.proof(file, 3)).rejects.toMatchObject(damaged);
  requireRight(file, 300, ...(await proofOf(cold, file, 300)));
  damage(false);
  requireRight(file, 3, ...(await proofOf(cold, file, 3)));
});

async function proofOf(
  engine: ReturnType<typeof createEngine>,
  file: FileRecord,
  index: number,
): Promise<[Uint8Array, readonly Uint8Array[]]> {
  const { digest, proof } = await engine.proof(file, index);
  return [digest, proof];
}
