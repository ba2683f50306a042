// The storage on S3, over the calls, against a store that misbehaves as real ones do.
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { BoundPart, PartBody, Place } from "@holdfast/engine";
import { encodeBase64, MIB, uploadId } from "@holdfast/protocol";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import type { MultipartId } from "./calls.ts";
import {
  AWS_CAPABILITIES,
  type AwsOptions,
  createAwsCalls,
  createS3Storage,
  S3Error,
} from "./index.ts";

const PART = 5 * MIB;

let double: S3Double;
let calls: ReturnType<typeof callsOf>;
let storage: ReturnType<typeof storageOf>;

function callsOf(
  { endpoint, bucketName: bucket, credentials }: S3Double,
  limits: Pick<AwsOptions, "idleMs" | "socketsMax"> = { idleMs: 1_000 },
) {
  return createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials, ...limits });
}

function storageOf(capabilities = AWS_CAPABILITIES) {
  const platform = { clock: systemClock, random: systemRandom };
  return createS3Storage({ calls, ...platform, prefix: "ours/", capabilities });
}

beforeAll(async () => {
  double = await startS3Double();
  calls = callsOf(double);
  storage = storageOf();
});

afterEach(() => {
  double.clearFaults();
  double.bucket.objects.clear();
  double.bucket.multiparts.clear();
});

afterAll(async () => {
  calls.close();
  await double.close();
});

const newId = () => uploadId(randomBytes(16));

function partOf(index: number, bytes: Uint8Array): BoundPart {
  const digest = new Uint8Array(createHash("sha256").update(bytes).digest());
  return { index, size: bytes.length, digest };
}

const inMemory = (bytes: Uint8Array): PartBody => ({ kind: "memory", pieces: halves(bytes) });

function halves(bytes: Uint8Array): readonly Uint8Array[] {
  const half = bytes.length >> 1;
  return [bytes.subarray(0, half), bytes.subarray(half)];
}

async function* streamed(bytes: Uint8Array) {
  yield* halves(bytes);
}

/** A place with two parts in it. */
async function twoParts() {
  const place = await storage.begin(newId(), "text/plain");
  const bodies = [randomBytes(PART), randomBytes(1000)];
  const parts = bodies.map((bytes, index) => partOf(index, bytes));
  for (const [index, bytes] of bodies.entries()) {
    await storage.putPart(place, parts[index] ?? partOf(0, bytes), inMemory(bytes));
  }
  return { place, parts, bytes: Buffer.concat(bodies) };
}

async function readAll(place: Place, start: number, end: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of storage.objects.read({ kind: "bytes", place }, { start, end })) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

describe("a part", () => {
  const bytes = randomBytes(100_000);
  const part = partOf(3, bytes);

  it("from memory is sent again after a lost answer, a throttle and a stall", async () => {
    const place = await storage.begin(newId(), "text/plain");
    double.fault({ operation: "part", fault: { kind: "lose-answer" } });
    double.fault({ operation: "part", fault: { kind: "refuse", status: 503, code: "SlowDown" } });
    double.fault({ operation: "part", fault: { kind: "stall" } });
    await storage.putPart(place, part, inMemory(bytes));
    expect([...(await storage.listed(place, 0, 10))]).toEqual([
      [3, { size: 100_000, digest: part.digest }],
    ]);
  });

  it("from a stream is sent once", async () => {
    const place = await storage.begin(newId(), "text/plain");
    double.fault({ operation: "part", fault: { kind: "refuse", status: 503, code: "SlowDown" } });
    const before = double.counts.get("part") ?? 0;
    const body = { kind: "stream", pieces: streamed(bytes) } as const;
    await expect(storage.putPart(place, part, body)).rejects.toMatchObject({
      code: "storage_failed",
      details: { store: "SlowDown" },
    });
    expect(double.counts.get("part")).toBe(before + 1);
    await storage.putPart(place, part, { kind: "stream", pieces: streamed(bytes) });
    expect((await storage.listed(place, 3, 4)).size).toBe(1);
  });

  it("that comes slowly keeps nobody else from the store, however many of them there are", async () => {
    const few = callsOf(double, { idleMs: 60_000, socketsMax: 2 });
    const platform = { clock: systemClock, random: systemRandom };
    const crowded = createS3Storage({ calls: few, ...platform, prefix: "ours/" });
    const place = await crowded.begin(newId(), "text/plain");
    const rest = Promise.withResolvers<void>();
    async function* slowly() {
      yield bytes.subarray(0, 10);
      await rest.promise;
      yield bytes.subarray(10);
    }
    const of = (index: number) => ({ ...part, index });
    const slow = [0, 1, 2, 3, 4].map((index) =>
      crowded.putPart(place, of(index), { kind: "stream", pieces: slowly() }),
    );
    // From memory, as a stream, and what is asked beside parts: all of it gets through.
    await crowded.putPart(place, of(7), inMemory(bytes));
    await crowded.putPart(place, of(8), { kind: "stream", pieces: streamed(bytes) });
    await crowded.objects.put({ kind: "tail", id: newId(), name: "t" }, bytes);
    expect([...(await crowded.listed(place, 0, 10)).keys()]).toEqual([7, 8]);
    rest.resolve();
    await Promise.all(slow);
    expect((await crowded.listed(place, 0, 10)).size).toBe(7);
    few.close();
  });

  it("with a bit turned over on its way is not kept", async () => {
    const place = await storage.begin(newId(), "text/plain");
    double.fault({ operation: "part", fault: { kind: "flip" } });
    await expect(storage.putPart(place, part, inMemory(bytes))).rejects.toMatchObject({
      code: "digest_mismatch",
      details: { index: 3 },
    });
    expect((await storage.listed(place, 0, 10)).size).toBe(0);
  });

  it("of an upload that was discarded is refused", async () => {
    const place = await storage.begin(newId(), "text/plain");
    await storage.discard(place);
    await expect(storage.putPart(place, part, inMemory(bytes))).rejects.toMatchObject({
      details: { store: "NoSuchUpload" },
    });
  });
});

describe("assembling", () => {
  it("makes one object of the parts, once", async () => {
    const { place, parts, bytes } = await twoParts();
    await storage.assemble(place, parts);
    await storage.assemble(place, parts);
    expect(await readAll(place, 0, bytes.length)).toEqual(bytes);
    expect(await readAll(place, PART - 5, PART + 5)).toEqual(bytes.subarray(PART - 5, PART + 5));
    expect(double.bucket.objects.size).toBe(1);
  });

  it.each(["lose-answer", "happened-error", "error-200", "lose-request"] as const)(
    "finds out what has happened after %s",
    async (kind) => {
      const { place, parts, bytes } = await twoParts();
      double.fault({ operation: "complete", fault: { kind } });
      await storage.assemble(place, parts);
      expect(await readAll(place, 0, bytes.length)).toEqual(bytes);
    },
  );

  it("lists again after the store has given a part another name", async () => {
    const { place, parts, bytes } = await twoParts();
    const fault = { kind: "refuse", status: 400, code: "InvalidPart" } as const;
    double.fault({ operation: "complete", fault, times: 2 });
    await storage.assemble(place, parts);
    expect(await readAll(place, 0, bytes.length)).toEqual(bytes);
  });

  it("again finds what is done where the store lists nothing of it any more", async () => {
    const { place, parts, bytes } = await twoParts();
    await storage.assemble(place, parts);
    const multipart = { ...calls.multipart, parts: async () => ({ items: [] }) };
    const platform = { clock: systemClock, random: systemRandom };
    const lax = createS3Storage({ calls: { ...calls, multipart }, ...platform, prefix: "ours/" });
    await lax.assemble(place, parts);
    expect(await readAll(place, 0, bytes.length)).toEqual(bytes);
  });

  it("by two at once makes one object", async () => {
    const { place, parts, bytes } = await twoParts();
    await Promise.all([storage.assemble(place, parts), storage.assemble(place, parts)]);
    expect(await readAll(place, 0, bytes.length)).toEqual(bytes);
  });

  it("says which parts the store does not have, or has with other bytes", async () => {
    const { place, parts } = await twoParts();
    const other = partOf(1, randomBytes(1000));
    const missing = partOf(2, randomBytes(10));
    const assembling = storage.assemble(place, [...parts.slice(0, 1), other, missing]);
    await expect(assembling).rejects.toMatchObject({
      code: "parts_missing",
      details: {
        missing: [
          [1, 2],
          [2, 3],
        ],
      },
    });
    expect(double.bucket.objects.size).toBe(0);
  });

  it("takes no object for its own that was made of other bytes, as after older records were restored", async () => {
    const { place, parts } = await twoParts();
    await storage.assemble(place, parts);
    const [first, second] = parts;
    const other = partOf(1, randomBytes(second?.size ?? 0));
    const again = storage.assemble(place, first ? [first, other] : []);
    await expect(again).rejects.toMatchObject({
      code: "storage_failed",
      message: "the object was made of other bytes",
    });
    await storage.assemble(place, parts);
  });

  it("never takes an upload that is gone for one that is done", async () => {
    const { place, parts } = await twoParts();
    double.bucket.multiparts.clear();
    await expect(storage.assemble(place, parts)).rejects.toMatchObject({
      code: "storage_failed",
      details: { store: "NoSuchUpload" },
    });
  });
});

describe("discarding", () => {
  it("leaves nothing, whatever answers were lost", async () => {
    const { place } = await twoParts();
    double.fault({ operation: "abort", fault: { kind: "lose-answer" } });
    double.fault({ operation: "list-parts", fault: { kind: "happened-error" } });
    await storage.discard(place);
    await storage.discard(place);
    expect(double.bucket.multiparts.size + double.bucket.objects.size).toBe(0);
  });

  it("ends where the store lists nothing of it any more, and knows it all the same", async () => {
    const { place } = await twoParts();
    let isEnded = false;
    const multipart = {
      ...calls.multipart,
      abort: async (upload: MultipartId) => {
        await calls.multipart.abort(upload);
        isEnded = true;
      },
      parts: async (...wanted: Parameters<typeof calls.multipart.parts>) =>
        isEnded ? { items: [] } : calls.multipart.parts(...wanted),
    };
    const platform = { clock: systemClock, random: systemRandom };
    const lax = createS3Storage({ calls: { ...calls, multipart }, ...platform, prefix: "ours/" });
    await lax.discard(place);
    await lax.discard(place);
    expect(double.bucket.multiparts.size + double.bucket.objects.size).toBe(0);
  });

  it("removes what was assembled", async () => {
    const { place, parts } = await twoParts();
    await storage.assemble(place, parts);
    await storage.discard(place);
    expect(double.bucket.objects.size).toBe(0);
  });
});

describe("reading", () => {
  const range = { start: 3, end: PART };

  it("is of one version: a read that breaks does not go on in an object that is there instead", async () => {
    const { place, parts, bytes } = await twoParts();
    await storage.assemble(place, parts);
    const [key = ""] = double.bucket.objects.keys();
    const first = breakOnce(async () => {
      await calls.objects.put(key, randomBytes(bytes.length), { type: "text/plain" });
    });
    const read: Uint8Array[] = [];
    const reading = (async () => {
      for await (const piece of first.objects.read({ kind: "bytes", place }, range)) {
        read.push(piece);
      }
    })();
    await expect(reading).rejects.toMatchObject({
      code: "storage_failed",
      details: { store: "PreconditionFailed" },
    });
    const got = Buffer.concat(read);
    expect(got).toEqual(bytes.subarray(3, 3 + got.length));
  });

  /** A storage whose first read breaks after its first piece. */
  function breakOnce(then: () => Promise<void>) {
    let isFirst = true;
    const get: typeof calls.objects.get = async (...wanted) => {
      const found = await calls.objects.get(...wanted);
      if (!found || !isFirst) return found;
      isFirst = false;
      return { ...found, pieces: broken(found.pieces) };
    };
    async function* broken(pieces: AsyncIterable<Uint8Array>) {
      for await (const piece of pieces) {
        yield piece;
        await then();
        throw new S3Error({ kind: "unanswered", message: "cut" });
      }
    }
    const platform = { clock: systemClock, random: systemRandom };
    const objects = { ...calls.objects, get };
    return createS3Storage({ calls: { ...calls, objects }, ...platform, prefix: "ours/" });
  }

  it("takes no other bytes for those that were asked for", async () => {
    const whole = createServer((_, response) => response.end(randomBytes(1000)));
    await new Promise<void>((resolve) => whole.listen(0, "127.0.0.1", resolve));
    const address = whole.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const credentials = { accessKeyId: "a", secretAccessKey: "b" };
    const endpoint = `http://127.0.0.1:${port}`;
    const others = createAwsCalls({ bucket: "x", region: "us-east-1", endpoint, credentials });
    await expect(others.objects.get("key", 10, 20)).rejects.toThrow(S3Error);
    await expect(others.objects.get("key", 0, 20)).rejects.toThrow(S3Error);
    others.close();
    whole.close();
  });

  it("keeps no connection for a reader who takes nothing, and goes on where he is", async () => {
    const { place, parts, bytes } = await twoParts();
    await storage.assemble(place, parts);
    let open = 0;
    const get: typeof calls.objects.get = async (...wanted) => {
      const found = await calls.objects.get(...wanted);
      return found && { ...found, pieces: counted(found.pieces) };
    };
    async function* counted(pieces: AsyncIterable<Uint8Array>) {
      open++;
      try {
        yield* pieces;
      } finally {
        open--;
      }
    }
    const platform = { clock: systemClock, random: systemRandom };
    const watched = { ...calls, objects: { ...calls.objects, get } };
    const { objects } = createS3Storage({ calls: watched, ...platform, prefix: "ours/" });
    const read = () => objects.read({ kind: "bytes", place }, { start: 0, end: bytes.length });
    const slow = [read(), read()].map((pieces) => pieces[Symbol.asyncIterator]());
    const begun = await Promise.all(slow.map((pieces) => pieces.next()));
    expect(open).toBe(2);
    await expect.poll(() => open, { timeout: 5_000 }).toBe(0);
    for (const [at, pieces] of slow.entries()) {
      const all = [begun[at]?.value ?? new Uint8Array()];
      for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
        all.push(next.value);
      }
      expect(Buffer.concat(all).equals(bytes)).toBe(true);
    }
  });
});

describe("readers", () => {
  it("who take their time keep nobody else from the store, however many of them there are", async () => {
    const { place, parts, bytes } = await twoParts();
    await storage.assemble(place, parts);
    const few = callsOf(double, { idleMs: 60_000, socketsMax: 2 });
    const platform = { clock: systemClock, random: systemRandom };
    const crowded = createS3Storage({ calls: few, ...platform, prefix: "ours/" });
    const range = { start: 0, end: bytes.length };
    let isOver = false;
    // Quick enough to keep a connection each, and not through with it for long.
    async function readAtLeisure(): Promise<Buffer> {
      const pieces: Uint8Array[] = [];
      for await (const piece of crowded.objects.read({ kind: "bytes", place }, range)) {
        pieces.push(piece);
        if (!isOver) await new Promise((resolve) => setTimeout(resolve, 300));
      }
      return Buffer.concat(pieces);
    }
    const readers = [0, 1, 2, 3, 4].map(readAtLeisure);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = performance.now();
    const other = await crowded.begin(newId(), "text/plain");
    await crowded.putPart(other, partOf(0, bytes), inMemory(bytes));
    expect((await crowded.listed(other, 0, 10)).size).toBe(1);
    expect(performance.now() - began).toBeLessThan(1_000);
    isOver = true;
    for (const read of await Promise.all(readers)) expect(read.equals(bytes)).toBe(true);
    few.close();
  });
});

describe("signed requests", () => {
  it("bring the part that they were signed for, and are refused once the place is gone", async () => {
    const bytes = randomBytes(1000);
    const place = await storage.begin(newId(), "text/plain");
    const part = partOf(7, bytes);
    const [request] = await storage.sign(place, [part], 60_000);
    const send = () =>
      fetch(request?.url ?? "", { method: "PUT", headers: { ...request?.headers }, body: bytes });
    expect((await send()).status).toBe(200);
    const there = await storage.listed(place, 7, 8);
    expect(encodeBase64(there.get(7)?.digest ?? new Uint8Array())).toBe(encodeBase64(part.digest));
    await storage.discard(place);
    expect((await send()).status).toBe(404);
  });

  it("are not made where the store would not check them", async () => {
    const blind = storageOf({ ...AWS_CAPABILITIES, checksDigests: false });
    const place = await blind.begin(newId(), "text/plain");
    const signing = blind.sign(place, [partOf(0, randomBytes(1))], 60_000);
    await expect(signing).rejects.toMatchObject({ code: "digest_unsupported" });
  });
});

describe("places that nobody knows", () => {
  it("are listed, page by page, and no others", async () => {
    const id = newId();
    const places = await Promise.all(
      Array.from({ length: 5 }, () => storage.begin(id, "text/plain")),
    );
    await calls.multipart.create("theirs/object", { type: "text/plain" });
    await calls.multipart.create("ours/bytes/no-id/object", { type: "text/plain" });
    const found: Place[] = [];
    for await (const { place } of storage.unfinished(Date.now() + 1000)) found.push(place);
    expect(found.sort()).toEqual(places.sort());
    for await (const { place } of storage.unfinished(0)) throw new Error(`too young: ${place}`);
  });

  it.each(["lose-answer", "happened-error"] as const)(
    "leave alone what was begun again after %s",
    async (kind) => {
      double.fault({ operation: "create", fault: { kind } });
      const { place, parts, bytes } = await twoParts();
      await storage.assemble(place, parts);
      const left: Place[] = [];
      for await (const one of storage.unfinished(Date.now() + 1000)) left.push(one.place);
      expect(left).toHaveLength(1);
      for (const each of left) await storage.discard(each);
      expect((await readAll(place, 0, bytes.length)).equals(bytes)).toBe(true);
    },
  );
});

describe("objects beside", () => {
  it("are read back, and removed together", async () => {
    const id = newId();
    const manifest = { kind: "manifest", id, name: "m" } as const;
    await storage.objects.put(manifest, new TextEncoder().encode("{}"));
    for (const name of ["a", "b"]) {
      await storage.objects.put({ kind: "tail", id, name }, randomBytes(10));
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of storage.objects.read(manifest, { start: 0, end: 10 })) {
      pieces.push(piece);
    }
    expect(Buffer.concat(pieces).toString()).toBe("{}");
    await storage.objects.removeAll(id);
    expect(double.bucket.objects.size).toBe(0);
  });

  /** Whose clock waits for nothing. */
  function over(objects: Partial<typeof calls.objects>) {
    const after = (_ms: number, task: () => void) => systemClock.after(0, task);
    const platform = { clock: { ...systemClock, after }, random: systemRandom, prefix: "ours/" };
    return createS3Storage({
      calls: { ...calls, objects: { ...calls.objects, ...objects } },
      ...platform,
    });
  }

  it.each([1, 20])(
    "that the store does not let go of, though it says so, are given up: %i of them",
    async (count) => {
      const id = newId();
      let lists = 0;
      const lax = over({
        delete: async () => undefined,
        deleteMany: async () => undefined,
        list(...wanted) {
          lists++;
          return calls.objects.list(...wanted);
        },
      });
      for (let at = 0; at < count; at++) {
        await lax.objects.put({ kind: "tail", id, name: `${at}` }, randomBytes(10));
      }
      const removing = lax.objects.removeTails(id, () => true);
      await expect(removing).rejects.toMatchObject({ code: "storage_failed" });
      expect(lists).toBeLessThan(10);
      // What nobody wants gone is no reason.
      await lax.objects.removeTails(id, () => false);
    },
  );

  it("go too where they land while others are removed", async () => {
    const id = newId();
    const late = ["b", "c", "d"];
    const busy = over({
      async delete(key) {
        await calls.objects.delete(key);
        const name = late.shift();
        if (name) await storage.objects.put({ kind: "tail", id, name }, randomBytes(10));
      },
    });
    await storage.objects.put({ kind: "tail", id, name: "a" }, randomBytes(10));
    await busy.objects.removeAll(id);
    expect([late, double.bucket.objects.size]).toEqual([[], 0]);
  });
});
