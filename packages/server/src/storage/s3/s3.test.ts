// The storage on S3, over the calls, against a store that misbehaves as real ones do.
import { createHash, randomBytes } from "node:crypto";
import type { BoundPart, PartBody, Place } from "@holdfast/engine";
import { encodeBase64, MIB, uploadId } from "@holdfast/protocol";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import { AWS_CAPABILITIES, createAwsCalls, createS3Storage } from "./index.ts";

const PART = 5 * MIB;

let double: S3Double;
let calls: ReturnType<typeof callsOf>;
let storage: ReturnType<typeof storageOf>;

function callsOf({ endpoint, bucketName: bucket, credentials }: S3Double) {
  return createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials, idleMs: 1_000 });
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

  it("removes what was assembled", async () => {
    const { place, parts } = await twoParts();
    await storage.assemble(place, parts);
    await storage.discard(place);
    expect(double.bucket.objects.size).toBe(0);
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
});

describe("objects beside", () => {
  it("are read back, and removed together", async () => {
    const id = newId();
    const manifest = { kind: "manifest", id } as const;
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
});
