// Parts that go straight into a store: bound before they are signed for, committed when the store itself has them.
import { createEngine, type Engine, type SignedRequest } from "@holdfast/engine";
import { type HoldfastError, hasPart, KIB, partRanges, type UploadView } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts, type MemoryPartsOptions } from "@holdfast/testkit/storage/parts";
import {
  alice,
  createRequest,
  memoryParts,
  partDigests,
  putParts,
  readAll,
  runBytes,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const LIFE_MS = 60_000;
const content = createRandom("direct").bytes(2 * PART + 1000);
const changed = createRandom("changed").bytes(content.length);

async function begin(options: MemoryPartsOptions = {}) {
  const storage = createMemoryParts(options);
  const metadata = createMemoryMetadata();
  const engine = createEngine(memoryParts({ storage, metadata }));
  const view = await engine.create(alice, createRequest(content.length));
  const bring = (request: SignedRequest | undefined, bytes: Uint8Array = content): void => {
    if (!request) throw new Error("nothing was signed");
    const { index } = request;
    storage.bring(request, runBytes(view, bytes, [index, index + 1]));
  };
  return { storage, metadata, engine, view, bring };
}

function digested(view: UploadView, bytes: Uint8Array, start = 0, end = 3) {
  const digests = partDigests(view, bytes, [start, end]);
  return digests.map((digest, at) => ({ index: start + at, digest }));
}

async function signed(engine: Engine, view: UploadView, start = 0, end = 3, bytes = content) {
  const parts = digested(view, bytes, start, end);
  const answer = await engine.presign(alice, view.id, parts, LIFE_MS);
  return answer.storage;
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "ok",
    (error: HoldfastError) => error.code,
  );
}

describe("an upload over a store of parts", () => {
  it("says that parts best go straight there, where the store checks them", async () => {
    const { view } = await begin();
    expect(view.transfer).toBe("direct");
    const through = await begin({ transfer: "server" });
    expect(through.view.transfer).toBeUndefined();
  });

  it("becomes a file of parts that went past the server", async () => {
    const { engine, view, bring } = await begin();
    for (const request of await signed(engine, view)) bring(request);
    const parts = digested(view, content);
    const answer = await engine.confirm(alice, view.id, parts);
    expect(answer).toEqual({ committed: 3, offset: content.length });
    expect(await engine.confirm(alice, view.id, parts)).toEqual(answer);
    const done = await engine.complete(alice, view.id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
  });

  it("takes parts by both ways", async () => {
    const { engine, view, bring } = await begin();
    const [first] = await signed(engine, view, 0, 1);
    await putParts(engine, view, content, [1, 3]);
    bring(first);
    await engine.confirm(alice, view.id, digested(view, content));
    const done = await engine.complete(alice, view.id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
  });
});

describe("a signed request", () => {
  it("is given only once its part is bound, durably", async () => {
    const bound: boolean[] = [];
    const world = await begin({
      async onCall(call, when) {
        if (call !== "sign" || when !== "before") return;
        const table = await world.metadata.parts(world.view.id);
        bound.push(hasPart({ partCount: 3, bits: table.bound }, 1));
      },
    });
    await signed(world.engine, world.view, 1, 2);
    expect(bound).toEqual([true]);
  });

  it("is not given for other bytes than those that a part is bound to", async () => {
    const { engine, view } = await begin();
    await signed(engine, view, 1, 2);
    const parts = digested(view, changed, 1, 2);
    await expect(engine.presign(alice, view.id, parts, LIFE_MS)).rejects.toMatchObject({
      code: "part_conflict",
      details: { index: 1, committed: false },
    });
    const through = codeOf(putParts(engine, view, changed, [1, 2]));
    expect(await through).toBe("part_conflict");
    await putParts(engine, view, content, [1, 2]);
  });

  it("binds all of its parts or none of them", async () => {
    const { engine, view, metadata } = await begin();
    await signed(engine, view, 1, 2);
    const parts = [...digested(view, changed, 0, 1), ...digested(view, changed, 1, 2)];
    expect(await codeOf(engine.presign(alice, view.id, parts, LIFE_MS))).toBe("part_conflict");
    const { bound } = await metadata.parts(view.id);
    expect(bound[0]).toBe(0b10);
  });

  it("brings nothing any more once the upload has ended", async () => {
    const { engine, view, bring, storage } = await begin();
    const [request] = await signed(engine, view, 0, 1);
    await engine.abort(alice, view.id);
    expect(() => bring(request)).toThrow();
    expect(storage.state.places.size).toBe(0);
    expect(await codeOf(signed(engine, view))).toBe("upload_ended");
  });

  it("that comes late changes nothing of the file", async () => {
    const { engine, view, bring } = await begin();
    const requests = await signed(engine, view);
    for (const request of requests) bring(request);
    await engine.confirm(alice, view.id, digested(view, content));
    const done = await engine.complete(alice, view.id, {});
    for (const request of requests) expect(() => bring(request)).toThrow();
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
  });
});

describe("a confirmation", () => {
  it("names the parts that the store does not have, and commits the others", async () => {
    const { engine, view, bring } = await begin();
    const [first, , last] = await signed(engine, view);
    bring(first);
    bring(last);
    const confirming = engine.confirm(alice, view.id, digested(view, content));
    await expect(confirming).rejects.toMatchObject({
      code: "parts_missing",
      details: { missing: [[1, 2]] },
    });
    const { committed } = await engine.status(alice, view.id);
    expect([...partRanges(committed)]).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it("of parts that nobody was given an address for finds none", async () => {
    const { engine, view } = await begin();
    const confirming = engine.confirm(alice, view.id, digested(view, content));
    expect(await codeOf(confirming)).toBe("parts_missing");
  });

  it("of another digest is a conflict", async () => {
    const { engine, view, bring } = await begin();
    const [first] = await signed(engine, view, 0, 1);
    bring(first);
    const confirming = engine.confirm(alice, view.id, digested(view, changed, 0, 1));
    expect(await codeOf(confirming)).toBe("part_conflict");
  });

  it.each(["size", "digest"] as const)(
    "of a part that the store has with another %s finds none",
    async (what) => {
      const { engine, view, bring, storage } = await begin();
      const [first] = await signed(engine, view, 0, 1);
      bring(first);
      const [place] = storage.state.places.values();
      const bytes = what === "size" ? content.slice(0, 10) : content.slice(0, PART);
      const digest = new Uint8Array(
        sha256(what === "size" ? content.subarray(0, PART) : bytes.fill(1)),
      );
      place?.parts.set(0, { bytes, digest });
      const confirming = engine.confirm(alice, view.id, digested(view, content, 0, 1));
      expect(await codeOf(confirming)).toBe("parts_missing");
    },
  );
});
