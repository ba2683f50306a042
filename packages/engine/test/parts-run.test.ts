// put-run over a storage of parts: what is bound, sent, committed and refused, and when.
import { createEngine, type Engine, type EngineParts } from "@holdfast/engine";
import {
  HoldfastError,
  hasPart,
  KIB,
  MIB,
  type PartRange,
  partRanges,
  type UploadView,
} from "@holdfast/protocol";
import { bigBytes } from "@holdfast/testkit/big-bytes";
import { createBody } from "@holdfast/testkit/body";
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

const PART = 512 * KIB;
const content = createRandom("parts").bytes(3 * PART + 1000);

interface Begun {
  readonly engine: Engine;
  readonly view: UploadView;
  readonly parts: EngineParts;
  readonly storage: ReturnType<typeof createMemoryParts>;
  committed(): Promise<PartRange[]>;
  /** Parts that the store has. */
  there(): number[];
}

async function begin(options: MemoryPartsOptions = {}, partSize = PART): Promise<Begun> {
  const storage = createMemoryParts(options);
  const parts = memoryParts({ storage, metadata: createMemoryMetadata() });
  const engine = createEngine(parts);
  const view = await engine.create(alice, createRequest(content.length, { partSize }));
  return {
    ...{ engine, view, parts, storage },
    async committed() {
      const { committed: set } = await engine.status(alice, view.id);
      return [...partRanges(set)];
    },
    there: () => [...storage.state.places.values()].flatMap(({ parts }) => [...parts.keys()]),
  };
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "ok",
    (error: HoldfastError) => error.code,
  );
}

describe("a run into a store of parts", () => {
  it("commits all its parts, and becomes the file that was sent", async () => {
    const { engine, view, parts } = await begin();
    const answer = await putParts(engine, view, content, [0, 3]);
    expect(answer).toEqual({ run: [0, 3], committed: 3, offset: 3 * PART });
    await putParts(engine, view, content, [3, 4]);
    const done = await engine.complete(alice, view.id, {});
    expect(sha256(await readAll(engine, done))).toEqual(sha256(content));
    expect(parts.slots.lent()).toBe(0);
  });

  it("goes to one place, however many requests begin at once", async () => {
    const { engine, view, storage, there } = await begin();
    const runs: PartRange[] = [0, 1, 2, 3].map((index) => [index, index + 1]);
    await Promise.all(runs.map((run) => putParts(engine, view, content, run)));
    expect(storage.state.places.size).toBe(1);
    expect(there().sort()).toEqual([0, 1, 2, 3]);
  });

  it("writes nothing again where all is committed, and reads nothing", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [0, 2]);
    const answer = await putParts(engine, view, content, [0, 2], { body: createBody() });
    expect(answer.committed).toBe(2);
  });

  it("writes only what is missing", async () => {
    const sent: string[] = [];
    const { engine, view, committed } = await begin({
      onCall: (call, when) => void (when === "before" && sent.push(call)),
    });
    await putParts(engine, view, content, [1, 2]);
    await putParts(engine, view, content, [0, 4]);
    expect(await committed()).toEqual([[0, 4]]);
    expect(sent.filter((call) => call === "putPart")).toHaveLength(4);
  });

  it.each([
    ["from memory", PART],
    ["as a stream", 9 * MIB],
  ])("is bound durably before a byte of it goes out, %s", async (_, partSize) => {
    const bytes = bigBytes("bound", partSize + 1);
    const bound: boolean[] = [];
    const storage = createMemoryParts({
      async onCall(call, when) {
        if (call !== "putPart" || when !== "before") return;
        const table = await parts.metadata.parts(view.id);
        bound.push(hasPart({ partCount: 2, bits: table.bound }, bound.length));
      },
    });
    const parts = memoryParts({ storage });
    const engine = createEngine(parts);
    const view = await engine.create(alice, createRequest(bytes.length, { partSize }));
    await putParts(engine, view, bytes, [0, 1]);
    await putParts(engine, view, bytes, [1, 2]);
    expect(bound).toEqual([true, true]);
  });
});

describe("bytes that do not have their digest", () => {
  it("never go out from memory, and bind nothing", async () => {
    const { engine, view, storage, there } = await begin();
    const digests = [sha256(new Uint8Array(1))];
    const error = putParts(engine, view, content, [1, 2], { digests });
    await expect(error).rejects.toMatchObject({ code: "digest_mismatch", details: { index: 1 } });
    expect(there()).toEqual([]);
    await putParts(engine, view, content, [1, 2]);
    expect(storage.state.places.size).toBe(1);
  });

  it("are no part that streams either; the slot is bound to what no bytes have", async () => {
    const partSize = 9 * MIB;
    const bytes = bigBytes("stream", partSize);
    const storage = createMemoryParts();
    const engine = createEngine(memoryParts({ storage }));
    const view = await engine.create(alice, createRequest(bytes.length, { partSize }));
    const digests = [sha256(new Uint8Array(1))];
    const wrong = await codeOf(putParts(engine, view, bytes, [0, 1], { digests }));
    expect(wrong).toBe("digest_mismatch");
    expect([...storage.state.places.values()][0]?.parts.size).toBe(0);
    await expect(putParts(engine, view, bytes, [0, 1])).rejects.toMatchObject({
      code: "part_conflict",
      details: { index: 0, committed: false },
    });
    const { pieces } = await engine.digests(alice, view.id);
    for await (const told of pieces) expect(told).toEqual(new Uint8Array(digests[0] ?? []));
  });

  it("of a committed part are a conflict that names its digest", async () => {
    const { engine, view } = await begin();
    await putParts(engine, view, content, [1, 2]);
    const other = createRandom("other").bytes(content.length);
    await expect(putParts(engine, view, other, [1, 2])).rejects.toMatchObject({
      code: "part_conflict",
      details: {
        index: 1,
        committed: Buffer.from(partDigests(view, content)[1] ?? "").toString("base64"),
      },
    });
  });

  it("end a run; the parts before them stay", async () => {
    const { engine, view, committed, parts } = await begin();
    const digests = partDigests(view, content, [0, 3]);
    digests[1] = sha256(new Uint8Array(1));
    expect(await codeOf(putParts(engine, view, content, [0, 3], { digests }))).toBe(
      "digest_mismatch",
    );
    expect(await committed()).toEqual([[0, 1]]);
    expect(parts.slots.lent()).toBe(0);
  });

  it("are noticed by their CRC, which costs the last part only", async () => {
    const { engine, view, committed } = await begin();
    const wrong = putParts(engine, view, content, [0, 2], { crc32c: 1 });
    expect(await codeOf(wrong)).toBe("digest_mismatch");
    expect(await committed()).toEqual([[0, 1]]);
  });
});

describe("a body that breaks off", () => {
  it.each([
    ["in the first part", 1000, []],
    ["in the second part", PART + 300_000, [[0, 1]]],
    ["at the end of a part", 2 * PART, [[0, 2]]],
  ] as const)("%s costs the part that was not whole", async (_, size, left) => {
    const { engine, view, committed, parts, there } = await begin();
    const body = createBody(runBytes(view, content, [0, 3]).subarray(0, size));
    const code = await codeOf(putParts(engine, view, content, [0, 3], { body }));
    expect(code).toBe("body_size_mismatch");
    expect(await committed()).toEqual(left);
    expect(there()).toHaveLength(left.length === 0 ? 0 : left[0][1]);
    expect(parts.slots.lent()).toBe(0);
    await putParts(engine, view, content, [0, 4]);
    expect(await committed()).toEqual([[0, 4]]);
  });

  it("as it streams leaves nothing in the store", async () => {
    const partSize = 9 * MIB;
    const bytes = bigBytes("cut", partSize);
    const storage = createMemoryParts();
    const parts = memoryParts({ storage });
    const engine = createEngine(parts);
    const view = await engine.create(alice, createRequest(bytes.length, { partSize }));
    const body = createBody(bytes.subarray(0, 5 * MIB));
    expect(await codeOf(putParts(engine, view, bytes, [0, 1], { body }))).toBe(
      "body_size_mismatch",
    );
    expect([...storage.state.places.values()][0]?.parts.size).toBe(0);
    expect(parts.slots.lent()).toBe(0);
    await putParts(engine, view, bytes, [0, 1]);
  });

  it("that has more than its parts costs the last of them", async () => {
    const { engine, view, committed } = await begin();
    const long = Buffer.concat([runBytes(view, content, [0, 2]), new Uint8Array(1)]);
    const body = createBody(long, { isExact: false });
    expect(await codeOf(putParts(engine, view, content, [0, 2], { body }))).toBe(
      "body_size_mismatch",
    );
    expect(await committed()).toEqual([[0, 1]]);
  });
});

describe("a store that fails", () => {
  const failed = () => new HoldfastError("storage_failed");
  /** Fails the calls of a kind, counted from 1, that are listed. */
  function failing(kind: string, times: readonly number[], at: "before" | "after", error = failed) {
    let count = 0;
    const onCall: NonNullable<MemoryPartsOptions["onCall"]> = (call, when) => {
      if (call !== kind || when !== at) return;
      count++;
      if (times.includes(count)) throw error();
    };
    return { onCall };
  }

  it.each(["before", "after"] as const)(
    "%s it has stored a part: that one is not acknowledged, and the others are",
    async (at) => {
      const { engine, view, committed, parts } = await begin(failing("putPart", [2], at));
      expect(await codeOf(putParts(engine, view, content, [0, 2]))).toBe("storage_failed");
      expect(await committed()).toEqual([[0, 1]]);
      await putParts(engine, view, content, [0, 4]);
      expect(await committed()).toEqual([[0, 4]]);
      expect(parts.slots.lent()).toBe(0);
    },
  );

  it("by finding other bytes than we have verified gets them again", async () => {
    const flipped = () => new HoldfastError("digest_mismatch", undefined, { index: 0 });
    const { engine, view } = await begin(failing("putPart", [1, 2], "before", flipped));
    await putParts(engine, view, content, [0, 1]);
  });

  it.each(["before", "after"] as const)(
    "%s a place is begun: the next one begins it",
    async (at) => {
      const { engine, view, storage } = await begin(failing("begin", [1], at));
      expect(await codeOf(putParts(engine, view, content, [0, 1]))).toBe("storage_failed");
      await putParts(engine, view, content, [0, 1]);
      expect(storage.state.places.size).toBe(at === "before" ? 1 : 2);
    },
  );
});

describe("an upload over a store of parts", () => {
  it("takes SHA-256 digests only", async () => {
    const engine = createEngine(memoryParts({ storage: createMemoryParts() }));
    const request = createRequest(10, { digest: "blake3" });
    expect(await codeOf(engine.create(alice, request))).toBe("digest_unsupported");
  });

  it("that is empty is complete at once, and reads as nothing", async () => {
    const storage = createMemoryParts();
    const engine = createEngine(memoryParts({ storage }));
    const view = await engine.create(alice, createRequest(0));
    expect(view.state).toBe("complete");
    expect(await readAll(engine, view)).toHaveLength(0);
    expect(storage.state.places.size).toBe(0);
  });
});
