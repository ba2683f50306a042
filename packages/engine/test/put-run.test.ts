// put-run: what is committed, what is refused, who may write where.
import { createEngine, type Engine, type EngineParts, type RegionStorage } from "@holdfast/engine";
import {
  HoldfastError,
  KIB,
  type PartRange,
  partRanges,
  type UploadView,
} from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  createRequest,
  memoryParts,
  partDigests,
  putParts,
  readDigests,
  runBytes,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("content").bytes(3 * PART + 1000);

interface Begun {
  readonly engine: Engine;
  readonly view: UploadView;
  readonly committed: () => Promise<PartRange[]>;
}

async function begin(parts: Partial<EngineParts> = {}): Promise<Begun> {
  const engine = createEngine(memoryParts(parts));
  const view = await engine.create(alice, createRequest(content.length));
  const committed = async (): Promise<PartRange[]> => {
    const { committed: set } = await engine.status(alice, view.id);
    return [...partRanges(set)];
  };
  return { engine, view, committed };
}

describe("a run", () => {
  it("commits all its parts, and says how much is committed", async () => {
    const { engine, view, committed } = await begin();
    const answer = await putParts(engine, view, content, [0, 2]);
    expect(answer).toEqual({ run: [0, 2], committed: 2, offset: 2 * PART });
    expect(await committed()).toEqual([[0, 2]]);
  });

  it("takes parts in any order, the short last one too", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [3, 4]);
    await putParts(engine, view, content, [1, 2]);
    const answer = await putParts(engine, view, content, [0, 1]);
    expect(answer).toEqual({ run: [0, 1], committed: 3, offset: 2 * PART });
  });

  it("has the same result when it is sent again, and reads nothing", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 2]);
    const silent = createBody();
    const answer = await putParts(engine, view, content, [0, 2], { body: silent });
    expect(answer.committed).toBe(2);
  });

  it("writes only what is missing where some of it is committed", async () => {
    const { engine, view, committed } = await begin();
    await putParts(engine, view, content, [1, 2]);
    await putParts(engine, view, content, [0, 4]);
    expect(await committed()).toEqual([[0, 4]]);
  });

  it("keeps the digests that were sent", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [1, 3]);
    const digests = await readDigests(engine, view);
    const expected = partDigests(view, content);
    expect(digests.subarray(32, 64)).toEqual(Buffer.from(expected[1] ?? []));
    expect(digests.subarray(0, 32)).toEqual(Buffer.alloc(32));
  });
});

describe("a bad body", () => {
  const refused = async (body: Uint8Array, run: PartRange, more: object = {}) => {
    const world = await begin();
    const put = putParts(world.engine, world.view, content, run, {
      body: createBody(body, more),
    });
    const error = await put.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { ...world, error };
  };
  const view = { size: content.length, partSize: PART };

  it("that ends early costs the part that was not whole", async () => {
    const bytes = content.subarray(0, PART + 10);
    const { error, committed } = await refused(bytes, [0, 3]);
    expect(error).toMatchObject({ code: "body_size_mismatch" });
    expect(await committed()).toEqual([[0, 1]]);
  });

  it("with a wrong part ends the run there; the parts before it stay", async () => {
    const bytes = content.slice(0, 3 * PART);
    bytes[PART + 5] = (bytes[PART + 5] ?? 0) ^ 1;
    const { error, committed } = await refused(bytes, [0, 3]);
    expect(error).toMatchObject({ code: "digest_mismatch", details: { index: 1 } });
    expect(await committed()).toEqual([[0, 1]]);
  });

  it("that goes on after the last part does not commit that part", async () => {
    const bytes = content.subarray(0, 2 * PART + 1);
    const { error, committed } = await refused(bytes, [0, 2], { isExact: false });
    expect(error).toMatchObject({ code: "body_size_mismatch" });
    expect(await committed()).toEqual([[0, 1]]);
  });

  it("that announces another size is refused before it is read", async () => {
    const { engine, view, committed } = await begin();
    const body = createBody();
    const put = putParts(engine, view, content, [0, 1], { body, bodySize: PART - 1 });
    await expect(put).rejects.toMatchObject({ code: "body_size_mismatch" });
    expect(await committed()).toEqual([]);
  });

  it("outside the grid is refused", async () => {
    const { engine } = await begin();
    const created = await engine.create(alice, createRequest(content.length));
    const put = engine.putRun(alice, {
      id: created.id,
      run: [3, 5],
      digests: new Map([["sha-256", [new Uint8Array(32), new Uint8Array(32)]]]),
      body: createBody(content.subarray(0, 10)),
    });
    await expect(put).rejects.toMatchObject({ code: "part_out_of_range" });
    expect(view.size).toBe(created.size);
  });
});

describe("a part's digest", () => {
  it("is write-once", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 1]);
    const other = content.slice();
    other[0] = (other[0] ?? 0) ^ 1;
    await expect(putParts(engine, view, other, [0, 1])).rejects.toMatchObject({
      code: "part_conflict",
      details: { index: 0 },
    });
  });
});

describe("two requests for the same part", () => {
  it("make the second wait while the first is alive", async () => {
    const { engine, view } = await begin();
    const slow = createBody();
    const first = putParts(engine, view, content, [0, 2], { body: slow });
    await expect(putParts(engine, view, content, [1, 3])).rejects.toMatchObject({
      code: "part_busy",
      details: { retryAfter: 2 },
    });
    slow.push(runBytes(view, content, [0, 2]));
    slow.end();
    expect((await first).committed).toBe(2);
  });

  it("let another region be written meanwhile", async () => {
    const { engine, view } = await begin();
    const slow = createBody();
    const first = putParts(engine, view, content, [0, 1], { body: slow });
    expect((await putParts(engine, view, content, [1, 3])).committed).toBe(2);
    slow.push(runBytes(view, content, [0, 1]));
    slow.end();
    expect((await first).committed).toBe(3);
  });

  it("give the part to the second once the first was quiet for 2 s; whole parts of the first stay", async () => {
    const clock = createVirtualClock();
    const { engine, view, committed } = await begin({ clock });
    const quiet = createBody(undefined, { monotonic: clock.monotonic });
    const first = putParts(engine, view, content, [0, 3], { body: quiet });
    quiet.push(content.subarray(0, PART + 100));
    const lost = expect(first).rejects.toMatchObject({ code: "part_busy" });
    await untilIdle();
    clock.advance(2000);
    expect((await putParts(engine, view, content, [1, 3])).committed).toBe(3);
    await lost;
    expect(await committed()).toEqual([[0, 3]]);
  });

  it("give it at once to the same running transfer", async () => {
    const { engine, view } = await begin();
    const body = createBody();
    const first = putParts(engine, view, content, [0, 1], { body, transfer: "transfer-1" });
    const lost = expect(first).rejects.toMatchObject({ code: "part_busy" });
    const again = await putParts(engine, view, content, [0, 1], { transfer: "transfer-1" });
    expect(again.committed).toBe(1);
    await lost;
  });

  it("never write a region while a write of the other may still land", async () => {
    const storage = createMemoryStorage();
    let release: (() => void) | undefined;
    const held: RegionStorage = {
      ...storage,
      async write(...write) {
        if (!release) await new Promise<void>((resolve) => (release = resolve));
        await storage.write(...write);
      },
    };
    const { engine, view } = await begin({ storage: held });
    const body = createBody();
    const first = putParts(engine, view, content, [0, 1], { body, transfer: "transfer-1" });
    body.push(content.subarray(0, PART));
    while (!release) await Promise.resolve();
    let isDone = false;
    const second = putParts(engine, view, content, [0, 1], { transfer: "transfer-1" });
    second.then(() => (isDone = true));
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    expect(isDone).toBe(false);
    release();
    await Promise.allSettled([first, second]);
    expect(isDone).toBe(true);
  });
});

describe("an upload that takes no parts", () => {
  it("answers a repeated part of a complete upload as it did before", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 4]);
    await engine.complete(alice, view.id, {});
    expect((await putParts(engine, view, content, [1, 2])).committed).toBe(4);
    const other = content.slice().fill(0);
    await expect(putParts(engine, view, other, [1, 2])).rejects.toMatchObject({
      code: "part_conflict",
    });
  });

  it("refuses parts once it was aborted", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 1]);
    await engine.abort(alice, view.id);
    for (const run of [
      [0, 1],
      [1, 2],
    ] as const) {
      const put = putParts(engine, view, content, run);
      await expect(put).rejects.toMatchObject({ code: "upload_ended" });
    }
  });

  it("does not exist for another tenant, nor under a malformed id", async () => {
    const { engine, view } = await begin();
    const mallory = { id: "mallory", tenant: "elsewhere" };
    const absent = { code: "upload_not_found" };
    const put = putParts(engine, view, content, [0, 1], { principal: mallory });
    await expect(put).rejects.toMatchObject(absent);
    await expect(engine.status(mallory, view.id)).rejects.toMatchObject(absent);
    await expect(engine.abort(mallory, view.id)).rejects.toMatchObject(absent);
    await expect(engine.complete(mallory, view.id, {})).rejects.toMatchObject(absent);
    for (const id of ["", "../../etc/passwd", "a".repeat(26), view.id.toUpperCase()]) {
      await expect(engine.status(alice, id)).rejects.toMatchObject(absent);
    }
  });
});

describe("a full storage", () => {
  it("refuses the part, keeps the rest, goes on when there is room", async () => {
    const real = createMemoryStorage();
    let isFull = false;
    const storage: RegionStorage = {
      ...real,
      async write(...write) {
        if (isFull) throw new HoldfastError("storage_full");
        await real.write(...write);
      },
    };
    const { engine, view, committed } = await begin({ storage });
    await putParts(engine, view, content, [0, 1]);
    isFull = true;
    const put = putParts(engine, view, content, [1, 3]);
    await expect(put).rejects.toMatchObject({ code: "storage_full" });
    expect(await committed()).toEqual([[0, 1]]);
    isFull = false;
    expect((await putParts(engine, view, content, [1, 4])).committed).toBe(4);
  });
});

describe("group commit", () => {
  it("records a group after 50 ms although the run goes on", async () => {
    const clock = createVirtualClock();
    const { engine, view, committed } = await begin({ clock });
    const body = createBody();
    const put = putParts(engine, view, content, [0, 3], { body });
    body.push(content.subarray(0, PART));
    await untilIdle();
    expect(await committed()).toEqual([]);
    clock.advance(50);
    await untilIdle();
    expect(await committed()).toEqual([[0, 1]]);
    body.push(content.subarray(PART, 3 * PART));
    body.end();
    await put;
  });
});

/** Lets everything run that waits for nothing but its turn. */
async function untilIdle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}
