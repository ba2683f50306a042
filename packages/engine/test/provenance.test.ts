// What a manifest says of how its bytes came: the way of the first ones, whatever came after them, and after a restart too.
import { createEngine, type Engine } from "@holdfast/engine";
import { decodeManifest, KIB, type UploadView } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { nodeDigests } from "@holdfast/testkit/digests";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  putParts,
  readManifest,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("provenance").bytes(2 * PART + 5);

async function protocolOf(engine: Engine, fileId: string | undefined): Promise<string> {
  const bytes = await readManifest(engine, await engine.file(alice, fileId ?? ""));
  return decodeManifest(nodeDigests.sha256, new TextDecoder().decode(bytes)).provenance.protocol;
}

type Step = (engine: Engine, view: UploadView) => Promise<unknown>;

const append: Step = (engine, view) => appendBytes(engine, view, 0, content.subarray(0, PART + 9));
const rest: Step = (engine, view) =>
  appendBytes(engine, view, 2 * PART, content.subarray(2 * PART));
const put =
  (start: number, end: number): Step =>
  (engine, view) =>
    putParts(engine, view, content, [start, end]);

describe("provenance", () => {
  it.each<[string, string, readonly Step[]]>([
    ["parts", "of parts", [put(0, 3)]],
    ["appends", "that appends began and parts ended", [append, put(1, 3)]],
    ["parts", "that a part began and appends ended", [put(0, 1), put(1, 2), rest]],
    ["appends", "that one append brought", [append, put(1, 2), rest]],
  ])("is %s of an upload %s", async (protocol, _, steps) => {
    const storage = createMemoryStorage();
    let metadata = createMemoryMetadata();
    let engine = createEngine(memoryParts({ storage, metadata }));
    const view = await engine.create(alice, createRequest(content.length));
    for (const [at, step] of steps.entries()) {
      await step(engine, view);
      metadata = createMemoryMetadata({ state: metadata.snapshot() });
      const random = createRandom(`provenance/${at}`);
      engine = createEngine(memoryParts({ storage, metadata, random }));
    }
    const { file } = await engine.complete(alice, view.id, {});
    expect(await protocolOf(engine, file?.id)).toBe(protocol);
  });

  it.each([true, false])("is the same without a restart (appended: %s)", async (isAppended) => {
    const engine = createEngine(memoryParts());
    const view = await engine.create(alice, createRequest(content.length));
    if (isAppended) await append(engine, view);
    await put(0, 3)(engine, view);
    const { file } = await engine.complete(alice, view.id, {});
    expect(await protocolOf(engine, file?.id)).toBe(isAppended ? "appends" : "parts");
  });

  it.each([
    [0, undefined],
    [5, "key"],
    [5, undefined],
    [content.length, "key"],
    [content.length, undefined],
  ])("is a file of %i bytes in one request (key: %s)", async (size, key) => {
    const engine = createEngine(memoryParts());
    const bytes = content.subarray(0, size);
    const named = { name: "a", type: "a/b", ...(key ? { key } : {}) };
    const sent = { ...named, body: createBody(bytes), bodySize: size };
    expect(await protocolOf(engine, (await engine.storeFile(alice, sent)).id)).toBe("file");
  });

  it("is parts of an upload without a byte", async () => {
    const engine = createEngine(memoryParts());
    const { file } = await engine.create(alice, createRequest(0));
    expect(await protocolOf(engine, file?.id)).toBe("parts");
  });
});
