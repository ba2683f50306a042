// A terabyte on paper: parts by their digests alone, and what has to be said and kept of so many.
import { setImmediate as nextTurn } from "node:timers/promises";
import { createEngine, type Engine } from "@holdfast/engine";
import {
  computeRoot,
  decodeManifest,
  encodeHex,
  encodeUpload,
  KIB,
  MIB,
  partCount,
  proveInclusion,
} from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { nodeDigests } from "@holdfast/testkit/digests";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { commitOnPaper, createPaperStorage, paperDigest } from "@holdfast/testkit/storage/paper";
import {
  alice,
  createRequest,
  memoryParts,
  readDigests,
  readManifest,
} from "@holdfast/testkit/world";
import { expect, it } from "vitest";

const TIB: number = MIB * MIB;
/** What may be in memory of a manifest at once. */
const PIECE_MAX: number = 2 * MIB;

it("creates, tells of and completes 1 TiB with little in memory at once", async () => {
  const storage = createPaperStorage();
  let turns = 0;
  const clock = createVirtualClock();
  const parts = memoryParts({
    storage,
    metadata: createMemoryMetadata(),
    clock: {
      ...clock,
      after(ms, task) {
        if (ms > 0) return clock.after(ms, task);
        turns++;
        void nextTurn().then(task);
        return () => undefined;
      },
    },
  });
  // Each engine reads the records afresh, as after a restart.
  const restarted = (): Engine => createEngine(parts);

  const { partSize: _, ...request } = createRequest(TIB);
  const view = await restarted().create(alice, { ...request, partSize: 11 * MIB });
  const count = partCount(view);
  expect(count).toBe(95_326);

  // Every other part: neither ranges nor a count can say that in short.
  await commitOnPaper(parts.metadata, view, 2);
  const half = await restarted().status(alice, view.id);
  expect(JSON.stringify(encodeUpload(half)).length).toBeLessThanOrEqual(64 * KIB);
  expect(half.committed.bits).toHaveLength(Math.ceil(count / 8));

  await commitOnPaper(parts.metadata, view);
  const engine = restarted();
  const whole = await engine.status(alice, view.id);
  expect(JSON.stringify(encodeUpload(whole)).length).toBeLessThan(KIB);
  const digests = await readDigests(engine, view);
  const leaves = { size: TIB, partSize: view.partSize, algorithm: "sha-256", digests } as const;
  const root = computeRoot(nodeDigests.sha256, leaves);

  const done = await engine.complete(alice, view.id, { root });
  expect(done.state).toBe("complete");
  // 512 parts in one go at most: the event loop had its turns.
  expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 512));
  expect(Math.max(...storage.pieces)).toBeLessThanOrEqual(PIECE_MAX);

  const file = await engine.file(alice, done.file?.id ?? "");
  expect(encodeHex(file.root)).toBe(encodeHex(root));
  for await (const piece of await engine.manifest(file))
    expect(piece.length).toBeLessThanOrEqual(PIECE_MAX);
  const text = new TextDecoder().decode(await readManifest(engine, file));
  const manifest = decodeManifest(nodeDigests.sha256, text);
  expect(encodeHex(nodeDigests.sha256(manifest.digests))).toBe(
    encodeHex(nodeDigests.sha256(digests)),
  );
  const { digest, proof } = await engine.proof(file, 77_777);
  expect(encodeHex(digest)).toBe(encodeHex(paperDigest(77_777)));
  expect(proof.map(encodeHex)).toEqual(
    proveInclusion(nodeDigests.sha256, leaves, 77_777).map(encodeHex),
  );
});
