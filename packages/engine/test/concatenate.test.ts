// Finals where reading their partials does not go well: faults, lost bytes, an abort in between.
import { createEngine, type Engine, type RegionStorage, type ToldOffset } from "@holdfast/engine";
import { equalBytes, HoldfastError, KIB, type UploadId } from "@holdfast/protocol";
import { createMemoryMetadata, type MemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { alice, appendBytes, createRequest, memoryParts, readAll } from "@holdfast/testkit/world";
import { beforeEach, describe, expect, it } from "vitest";

const content = createRandom("finals").bytes(600 * KIB + 9);
const PIECES = [content.subarray(0, 290 * KIB), content.subarray(290 * KIB)] as const;

type Read = RegionStorage["read"];

let engine: Engine;
let metadata: MemoryMetadata;
let partials: UploadId[];
/** Bytes that may still be stored. */
let room: number;
/** Stands before each read of a partial once they are there. */
let reading:
  | ((next: () => ReturnType<Read>, ...args: Parameters<Read>) => ReturnType<Read>)
  | undefined;

beforeEach(async () => {
  reading = undefined;
  room = Number.MAX_SAFE_INTEGER;
  const memory = createMemoryStorage();
  const storage: RegionStorage = {
    ...memory,
    room: () => Promise.resolve(room),
    read(...args) {
      const next = () => memory.read(...args);
      return reading ? reading(next, ...args) : next();
    },
  };
  metadata = createMemoryMetadata();
  engine = createEngine(memoryParts({ storage, metadata }));
  partials = [];
  for (const piece of PIECES) {
    const role = { kind: "partial" } as const;
    const wants = createRequest(piece.length);
    const made = await engine.create(alice, wants, undefined, { protocol: "tus", role });
    await appendBytes(engine, made, 0, piece);
    partials.push(made.id);
  }
});

async function concatenate(): Promise<UploadId> {
  const { size: _, ...request } = createRequest(0);
  return (await engine.concatenate(alice, { request, partials, protocol: "tus" })).id;
}

const told = (id: UploadId): Promise<ToldOffset> => engine.offset(alice, id, "at-size");

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "done",
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

async function expectWhole(id: UploadId): Promise<void> {
  expect((await told(id)).isComplete).toBe(true);
  const bytes = await readAll(engine, await engine.status(alice, id));
  expect(equalBytes(bytes, content)).toBe(true);
}

describe("a final", () => {
  it("waits for a storage that fails for a while, and goes on at the next look", async () => {
    let failures = 2;
    reading = (next, { id }) => {
      const isPartial = partials.includes(id);
      return isPartial && failures-- > 0
        ? Promise.reject(new HoldfastError("storage_failed", "not now"))
        : next();
    };
    const id = await concatenate();
    expect((await metadata.upload(id))?.state).toBe("completing");
    expect(await codeOf(told(id))).toBe("storage_failed");
    await expectWhole(id);
  });

  it("is refused where there is no room for all of its bytes", async () => {
    room = content.length - 1;
    expect(await codeOf(concatenate())).toBe("storage_full");
    expect(metadata.snapshot().uploads.size).toBe(partials.length);
    room = content.length;
    await expectWhole(await concatenate());
  });

  it("goes on with a sweep, too, where nobody asks", async () => {
    let failures = 1;
    reading = (next) =>
      failures-- > 0 ? Promise.reject(new HoldfastError("storage_failed", "not now")) : next();
    const id = await concatenate();
    expect((await metadata.upload(id))?.state).toBe("completing");
    await engine.recover();
    await engine.sweep("server", { isDryRun: false });
    await expectWhole(id);
  });

  it("fails where bytes of a partial are not as they were committed, and shows no file", async () => {
    const [, second] = partials;
    reading = async (next, { id }, _, into) => {
      const size = await next();
      if (id === second && size > 0) into[0] = (into[0] ?? 0) ^ 1;
      return size;
    };
    const id = await concatenate();
    expect(await metadata.upload(id)).toMatchObject({
      state: "failed",
      error: { code: "storage_failed" },
    });
    expect(await codeOf(told(id))).toBe("upload_ended");
    expect((await engine.files(alice, { limit: 9 })).files).toEqual([]);
    // What it had got is removed with the next sweep, and the partials are as they were.
    reading = undefined;
    await engine.sweep("server", { isDryRun: false });
    expect((await metadata.upload(id))?.hasBytes).toBe(false);
    await expectWhole(await concatenate());
  });

  it("ends when it is aborted while it is put together, and leaves its partials", async () => {
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const { promise: may, resolve: goOn } = Promise.withResolvers<void>();
    reading = async (next, { id }) => {
      if (id === partials[1]) {
        begin();
        await may;
      }
      return next();
    };
    const making = concatenate();
    await began;
    const { uploads } = metadata.snapshot();
    const [id] = [...uploads.values()].flatMap(({ role, id }) =>
      role?.kind === "final" ? [id] : [],
    );
    if (!id) throw new Error("there is no final");
    const aborting = engine.abort(alice, id);
    goOn();
    await aborting;
    await making;
    expect(await metadata.upload(id)).toMatchObject({ state: "aborted", hasBytes: false });
    reading = undefined;
    await expectWhole(await concatenate());
  });
});

describe("a partial", () => {
  it("keeps its bytes for as long as a final reads them, whoever ends it", async () => {
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const { promise: may, resolve: goOn } = Promise.withResolvers<void>();
    reading = async (next) => {
      begin();
      await may;
      return next();
    };
    const making = concatenate();
    await began;
    for (const id of partials) await engine.abort(alice, id);
    await engine.sweep("server", { isDryRun: false });
    for (const id of partials) expect((await metadata.upload(id))?.hasBytes).toBe(true);
    goOn();
    const id = await making;
    await expectWhole(id);
    await engine.sweep("server", { isDryRun: false });
    for (const partial of partials) expect((await metadata.upload(partial))?.hasBytes).toBe(false);
    await expectWhole(id);
  });

  it("is refused where it is not whole, is none, or has ended", async () => {
    const [first] = partials;
    if (!first) throw new Error("there are partials");
    const plain = await engine.create(alice, createRequest(9));
    partials = [first, plain.id];
    expect(await codeOf(concatenate())).toBe("invalid_request");
    partials = [first];
    await engine.abort(alice, first);
    expect(await codeOf(concatenate())).toBe("upload_ended");
  });
});
