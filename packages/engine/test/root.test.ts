// The root over remembered subtrees is the root over all parts, in whatever order they come and go.
import {
  addPart,
  computeRoot,
  createPartSet,
  encodeHex,
  KIB,
  removePart,
} from "@holdfast/protocol";
import { nodeDigests } from "@holdfast/testkit/digests";
import { createRandom } from "@holdfast/testkit/random";
import { alice, createRequest, memoryParts } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";
import { createContext } from "../src/context.ts";
import { create } from "../src/create.ts";
import { noteCommitted, noteWithdrawn, rootOf } from "../src/root.ts";
import type { Upload } from "../src/upload.ts";

const PART = 256 * KIB;
const { sha256 } = nodeDigests;

function commit(upload: Upload, index: number, digest: Uint8Array): void {
  upload.digests.set(digest, index * 32);
  addPart(upload.committed, index);
  noteCommitted(upload, index, sha256);
}

describe("the root of an upload", () => {
  it.each([1, 63, 64, 65, 128, 200])("of %i parts", async (count) => {
    const context = createContext(memoryParts());
    const view = await create(context, alice, createRequest(count * PART));
    const { record } = await context.uploads.use(view.id, async (upload) => upload);
    const upload: Upload = {
      record,
      committed: createPartSet(count),
      bound: createPartSet(count),
      gathering: 0,
      readers: 0,
      streams: 0,
      digests: new Uint8Array(count * 32),
      claims: new Set(),
      partsEpoch: 0,
      ownVersions: new Set(),
      subtrees: new Map(),
      appendTurn: 0,
    };
    const random = createRandom(`root ${count}`);
    const order = Array.from({ length: count }, (_, index) => (index * 37) % count);
    const indexes = count % 37 === 0 ? [...order.keys()] : order;
    for (const index of indexes) commit(upload, index, random.bytes(32));
    expect(upload.subtrees.size).toBe(Math.floor(count / 64));

    const expected = () => encodeHex(computeRoot(sha256, { ...record, digests: upload.digests }));
    expect(encodeHex(await rootOf(context, upload))).toBe(expected());

    // Taken back and committed with another digest: nothing of before may be left in it.
    const index = count >> 1;
    removePart(upload.committed, index);
    noteWithdrawn(upload, index);
    await expect(rootOf(context, upload)).rejects.toMatchObject({ code: "parts_missing" });
    const before = expected();
    commit(upload, index, random.bytes(32));
    expect(expected()).not.toBe(before);
    expect(encodeHex(await rootOf(context, upload))).toBe(expected());
  });
});
