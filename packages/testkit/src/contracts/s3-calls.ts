// What every store must do for the S3 storage: the same calls against the double and against real ones.
import { createHash, randomBytes } from "node:crypto";
import type { ListedPart, MultipartId, ObjectCalls, S3Calls } from "@holdfast/server/storage/s3";
import { isRefusal, S3Error } from "@holdfast/server/storage/s3";
import { describe, expect, it } from "vitest";

const MIB = 1024 * 1024;
const PART = 5 * MIB;

export interface S3CallsRig {
  readonly calls: S3Calls;
  /** Unlike any other. */
  readonly prefix: string;
  /** False of a store that checks digests and does not tell them again. */
  readonly listsDigests: boolean;
}

/** @param rig Called in each test, once it runs. */
export function s3CallsContract(rig: () => S3CallsRig): void {
  let count = 0;
  const newKey = () => `${rig().prefix}object-${count++}`;
  const headers = { type: "application/octet-stream", metadata: { "holdfast-token": "t1" } };

  const factsOf = ({ number, size, sha256 }: ListedPart) => ({ number, size, sha256 });
  const expectedOf = (number: number, bytes: Uint8Array) => {
    const digest = rig().listsDigests ? sha256(bytes) : undefined;
    return { number, size: bytes.length, sha256: digest };
  };

  async function begin(): Promise<MultipartId> {
    const key = newKey();
    return { key, uploadId: await rig().calls.multipart.create(key, headers) };
  }

  async function putPart(upload: MultipartId, number: number, bytes: Uint8Array): Promise<void> {
    const part = { ...upload, number, size: bytes.length, sha256: sha256(bytes), body: bytes };
    await rig().calls.multipart.put(part);
  }

  describe("a multipart upload", () => {
    it("becomes an object of its parts, whichever way these came", async () => {
      const { multipart, objects } = rig().calls;
      const upload = await begin();
      const [first, second] = [randomBytes(PART), randomBytes(PART)];
      await putPart(upload, 2, second);
      await multipart.put({
        ...{ ...upload, number: 1, size: PART, sha256: sha256(first) },
        body: pieces(first, 256 * 1024),
      });
      const { items } = await multipart.parts(upload);
      expect(items.map(factsOf)).toEqual([expectedOf(1, first), expectedOf(2, second)]);
      expect(await objects.head(upload.key)).toBeUndefined();
      const [one, two] = items;
      await multipart.complete(upload, [
        { number: 1, etag: one?.etag ?? "", sha256: sha256(first) },
        { number: 2, etag: two?.etag ?? "", sha256: sha256(second) },
      ]);
      const facts = await objects.head(upload.key);
      expect(facts).toMatchObject({ size: 2 * PART, metadata: { "holdfast-token": "t1" } });
      // Not every store tells it; one that does tells this.
      const all = sha256(Buffer.concat([sha256(first), sha256(second)]));
      const told = facts?.partsDigest;
      expect([undefined, Buffer.from(all).toString("hex")]).toContain(
        told && Buffer.from(told.sha256).toString("hex"),
      );
      expect([undefined, 2]).toContain(told?.count);
      const middle = await read(objects, upload.key, PART - 10, PART + 10);
      expect(middle).toEqual(Buffer.concat([first.subarray(-10), second.subarray(0, 10)]));
    });

    it("takes no bytes that are not those of the digest", async () => {
      const upload = await begin();
      const bytes = randomBytes(PART);
      const wrong = { ...upload, number: 1, size: PART, sha256: sha256(randomBytes(4)) };
      const putting = rig().calls.multipart.put({ ...wrong, body: bytes });
      await expect(putting).rejects.toThrow(S3Error);
      expect((await rig().calls.multipart.parts(upload)).items).toEqual([]);
    });

    it("takes no stream that is not the digest's", async () => {
      const upload = await begin();
      const wrong = { ...upload, number: 1, size: PART, sha256: sha256(randomBytes(4)) };
      const body = pieces(randomBytes(PART), MIB);
      await expect(rig().calls.multipart.put({ ...wrong, body })).rejects.toThrow(S3Error);
      expect((await rig().calls.multipart.parts(upload)).items).toEqual([]);
    });

    it("is listed until it is ended, and then is no more", async () => {
      const { multipart } = rig().calls;
      const upload = await begin();
      await putPart(upload, 1, randomBytes(1000));
      const listed = await multipart.list(upload.key);
      expect(listed.items).toMatchObject([upload]);
      await multipart.abort(upload);
      expect((await multipart.list(upload.key)).items).toEqual([]);
      const gone = await multipart.parts(upload).catch((error: unknown) => error);
      expect(isRefusal(gone, "NoSuchUpload")).toBe(true);
    });

    it("lists its parts in pages", { timeout: 120_000 }, async () => {
      const { multipart } = rig().calls;
      const upload = await begin();
      const bytes = randomBytes(16);
      for (let first = 1; first <= 1001; first += 91) {
        const numbers = Array.from({ length: 91 }, (_, at) => first + at);
        await Promise.all(numbers.map((number) => putPart(upload, number, bytes)));
      }
      const numbers: number[] = [];
      let after: number | undefined;
      do {
        const { items, next } = await multipart.parts(upload, after);
        numbers.push(...items.map(({ number }) => number));
        after = next;
      } while (after !== undefined);
      expect(numbers).toEqual(Array.from({ length: 1001 }, (_, at) => at + 1));
      await multipart.abort(upload);
    });

    it("is not completed from parts that it does not have", async () => {
      const { multipart } = rig().calls;
      const upload = await begin();
      const bytes = randomBytes(PART);
      await putPart(upload, 1, bytes);
      const { items } = await multipart.parts(upload);
      const named = items.map(({ number, etag }) => ({ number, etag, sha256: sha256(bytes) }));
      const missing = [...named, { number: 2, etag: '"0"', sha256: sha256(bytes) }];
      const completing = multipart.complete(upload, missing);
      await expect(completing).rejects.toThrow(S3Error);
      expect(await rig().calls.objects.head(upload.key)).toBeUndefined();
      await multipart.abort(upload);
    });
  });

  describe("a signed request", () => {
    async function signed(bytes: Uint8Array, expiresIn = 60) {
      const upload = await begin();
      const part = { ...upload, number: 1, size: bytes.length, sha256: sha256(bytes), expiresIn };
      return { upload, request: await rig().calls.multipart.sign(part) };
    }

    async function send(
      {
        url,
        method,
        headers,
      }: { url: string; method: string; headers: Readonly<Record<string, string>> },
      body: Uint8Array<ArrayBuffer>,
    ): Promise<number> {
      const response = await fetch(url, { method, headers: { ...headers }, body });
      await response.arrayBuffer();
      return response.status;
    }

    it("stores the part that it was signed for, as often as it is sent", async () => {
      const bytes = randomBytes(PART);
      const { upload, request } = await signed(bytes);
      expect(new URL(request.url).searchParams.get("X-Amz-SignedHeaders")).toBe(
        "content-length;host;x-amz-checksum-sha256",
      );
      expect(await send(request, bytes)).toBe(200);
      expect(await send(request, bytes)).toBe(200);
      const { items } = await rig().calls.multipart.parts(upload);
      // Some stores list a part as often as it came.
      for (const item of items) expect(factsOf(item)).toEqual(expectedOf(1, bytes));
      const etag = items.at(-1)?.etag ?? "";
      const named = [{ number: 1, etag, sha256: sha256(bytes) }];
      await rig().calls.multipart.complete(upload, named);
      const stored = await read(rig().calls.objects, upload.key, 0, PART);
      expect(stored?.equals(bytes)).toBe(true);
    });

    it("stores nothing else", async () => {
      const bytes = randomBytes(PART);
      const { upload, request } = await signed(bytes);
      expect(await send(request, randomBytes(PART))).toBe(400);
      expect(await send(request, randomBytes(PART - 1))).toBeGreaterThanOrEqual(400);
      const other = request.url.replace("partNumber=1", "partNumber=2");
      expect(await send({ ...request, url: other }, bytes)).toBe(403);
      expect(await send({ ...request, headers: {} }, bytes)).toBeGreaterThanOrEqual(400);
      const { items } = await rig().calls.multipart.parts(upload);
      expect(items).toEqual([]);
    });

    it("is refused once it has expired", async () => {
      const bytes = randomBytes(16);
      const { request } = await signed(bytes, 1);
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      expect(await send(request, bytes)).toBe(403);
    });
  });

  describe("a bucket", () => {
    it("is there, and keeps the rules that it is given", async () => {
      const { bucket } = rig().calls;
      await bucket.check();
      const rule = {
        origins: ["https://example.org"],
        methods: ["PUT"],
        headers: ["x-amz-checksum-sha256"],
        exposed: ["x-amz-checksum-sha256"],
        maxAgeSeconds: 600,
      };
      await bucket.setCors([rule]);
      expect(await bucket.cors()).toEqual([rule]);
      expect(await bucket.stageDays("ours/")).toBeUndefined();
      await bucket.setStageDays("ours/", 7);
      await bucket.setStageDays("others/", 3);
      await bucket.setStageDays("ours/", 5);
      expect(await bucket.stageDays("ours/bytes/")).toBe(5);
      await bucket.setStageDays("a-b/", 4);
      await bucket.setStageDays("a/b/", 6);
      const days = ["a-b/", "a/b/", "others/"].map((prefix) => bucket.stageDays(prefix));
      expect(await Promise.all(days)).toEqual([4, 6, 3]);
    });
  });

  describe("an object", () => {
    it("is put, read, listed and deleted", async () => {
      const { objects } = rig().calls;
      const key = newKey();
      const bytes = randomBytes(1000);
      expect(await read(objects, key, 0, 10)).toBeUndefined();
      await objects.put(key, bytes, headers);
      expect(await read(objects, key, 990, 2000)).toEqual(bytes.subarray(990));
      expect(await read(objects, key, 1000, 1001)).toBeUndefined();
      const { items, answeredAt } = await objects.list(key);
      expect(items).toEqual([{ key, size: 1000, modifiedAt: expect.any(Number) }]);
      // Both are by the store's clock, which some tell in whole seconds.
      expect(Math.abs(answeredAt - (items[0]?.modifiedAt ?? 0))).toBeLessThan(60_000);
      const { etag } = (await objects.get(key, 0, 10)) ?? {};
      expect(await objects.get(key, 10, 20, etag)).toBeDefined();
      await objects.put(key, randomBytes(1000), headers);
      await expect(objects.get(key, 10, 20, etag)).rejects.toThrow(S3Error);
      await expect(objects.create(key, bytes, headers)).rejects.toMatchObject({
        fault: { kind: "refused", code: "PreconditionFailed" },
      });
      await objects.delete(key);
      await objects.delete(key);
      expect(await objects.head(key)).toBeUndefined();
      await objects.create(key, bytes, headers);
      expect(await read(objects, key, 0, 2000)).toEqual(bytes);
    });

    it("are removed together, those that are not there as well, and no others", async () => {
      const { objects } = rig().calls;
      const names = ["a", "b & <c>", "d"].map((name) => `${newKey()}/${name}`);
      for (const name of names) await objects.put(name, randomBytes(10), { type: "a/b" });
      const [kept = "", ...gone] = names;
      await objects.deleteMany([...gone, newKey()]);
      for (const name of gone) expect(await objects.head(name)).toBeUndefined();
      expect(await objects.head(kept)).toMatchObject({ size: 10 });
    });
  });
}

async function read(
  objects: ObjectCalls,
  key: string,
  start: number,
  end: number,
): Promise<Buffer | undefined> {
  const found = await objects.get(key, start, end);
  if (!found) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of found.pieces) pieces.push(piece);
  return Buffer.concat(pieces);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
