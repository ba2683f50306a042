// POST /v1/files: small and large, with and without a length, cut, repeated under a key.

import type { RegionStorage } from "@holdfast/engine";
import { encodeDigest, KIB, MIB } from "@holdfast/protocol";
import { createMemoryMetadata, type MemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { sha256 } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Answer,
  ask,
  declines,
  openRaw,
  rawHead,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

const content = createRandom("post").bytes(2 * MIB + 777);

let server: TestServer;
let metadata: MemoryMetadata;
let storage: RegionStorage;
let removed: string[];
beforeEach(async () => {
  metadata = createMemoryMetadata();
  const real = createMemoryStorage();
  removed = [];
  storage = { ...real, remove: (id) => real.remove(id).then(() => void removed.push(id)) };
  server = await startTestServer({ parts: { metadata, storage } });
});
afterEach(() => server.close());

type Fields = Readonly<Record<string, string>>;
const NAMED = { "content-disposition": "attachment; filename*=UTF-8''%C3%9Cbung.bin" };

function post(body: Uint8Array, headers: Fields = {}): Promise<Answer> {
  return ask(server, {
    method: "POST",
    path: "/v1/files",
    headers: { ...NAMED, ...headers },
    body,
  });
}

async function read(answer: Answer): Promise<Buffer> {
  return (await ask(server, { path: String(answer.headers.location) })).bytes;
}

const metadataField = (json: string): string => `:${Buffer.from(json).toString("base64")}:`;
const digest = (bytes: Uint8Array): string => encodeDigest("sha-256", sha256(bytes));
const sizes = [0, 1, 4095, 64 * KIB, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, content.length];

describe("POST /v1/files", () => {
  it.each(sizes)("makes a file of %i bytes", async (size) => {
    const bytes = content.subarray(0, size);
    const type = { "content-type": "video/mp4", "content-digest": digest(bytes) };
    const answer = await post(bytes, type);
    expect(answer.status).toBe(201);
    const { id } = answer.json;
    expect(answer.json).toEqual({
      ...{ id, url: `/v1/files/${id}`, name: "Übung.bin", type: "video/mp4", size },
      root: expect.stringMatching(/^[0-9a-f]{64}$/),
      createdAt: expect.any(Number),
      partSize: MIB,
      upload: expect.stringMatching(/^[a-z2-7]{26}$/),
      ...(size > 256 * KIB ? {} : { sha256: Buffer.from(sha256(bytes)).toString("hex") }),
    });
    expect(answer.headers.location).toBe(`/v1/files/${id}`);
    expect(await read(answer)).toEqual(Buffer.from(bytes));
    const manifest = await ask(server, { path: `/v1/files/${id}/manifest` });
    expect(manifest.json).toMatchObject({ size, root: answer.json["root"], name: "Übung.bin" });
  });

  it.each([64 * KIB, content.length])("keeps metadata with %i bytes", async (size) => {
    const kept = {
      path: "a dir/\u00dcbung \u2602.bin",
      "\u0000": "a\u0000b\u001b[2J\u0085\u007f\r\n",
      ["__proto__"]: "",
      "": "x".repeat(8 * KIB),
    };
    const field = metadataField(JSON.stringify(kept));
    const answer = await post(content.subarray(0, size), {
      "holdfast-metadata": field,
      "idempotency-key": "kept",
    });
    expect(answer.status).toBe(201);
    const manifest = await ask(server, { path: `${answer.headers.location}/manifest` });
    expect(manifest.json["metadata"]).toEqual(kept);
    const upload = await ask(server, { path: `/v1/uploads/${answer.json["upload"]}` });
    expect(upload.json).toMatchObject({ state: "complete", metadata: kept, partSize: MIB });
  });

  it("keeps no upload of a small file to which no key leads back", async () => {
    const { json } = await post(content.subarray(0, 64 * KIB), {});
    expect(metadata.snapshot().uploads.size).toBe(0);
    const upload = await ask(server, { path: `/v1/uploads/${json["upload"]}` });
    expect(upload.json["code"]).toBe("upload_not_found");
    const deleted = await ask(server, { method: "DELETE", path: `/v1/files/${json["id"]}` });
    expect(deleted.status).toBe(204);
    expect(removed).toEqual([json["upload"]]);
    expect(metadata.snapshot().files.size).toBe(0);
  });

  it.each(sizes)("takes a chunked body of %i bytes", async (size) => {
    const raw = await openRaw(server);
    const headers = { ...NAMED, "transfer-encoding": "chunked" };
    raw.socket.write(rawHead({ method: "POST", path: "/v1/files", headers }));
    for (let at = 0; at < size; at += 100_000) {
      const piece = content.subarray(at, Math.min(size, at + 100_000));
      raw.socket.write(`${piece.length.toString(16)}\r\n`);
      raw.socket.write(piece);
      raw.socket.write("\r\n");
    }
    raw.socket.write("0\r\n\r\n");
    const text = await raw.until("createdAt");
    expect(text).toMatch(/^HTTP\/1.1 201 /);
    const [, url = ""] = /^location: (.*)\r$/im.exec(text) ?? [];
    const file = await ask(server, { path: url });
    expect(file.bytes).toEqual(Buffer.from(content.subarray(0, size)));
    raw.socket.destroy();
  });

  it.each([64 * KIB, content.length])("keeps nothing of %i wrong bytes", async (size) => {
    const bytes = content.subarray(0, size);
    const answer = await post(bytes, { "repr-digest": digest(content.subarray(1)) });
    expect([answer.status, answer.json["code"]]).toEqual([422, "digest_mismatch"]);
    await expectNothing();
  });

  it.each([64 * KIB, content.length])("keeps nothing of %i bytes that are cut", async (size) => {
    const raw = await openRaw(server);
    const headers = { ...NAMED, "content-length": String(size + 1) };
    raw.socket.write(rawHead({ method: "POST", path: "/v1/files", headers }));
    raw.socket.end(content.subarray(0, size));
    const isHosts = declines("fetch", "the host answers a cut connection in its own words");
    expect((await raw.ended()).text).toContain(isHosts ? "400" : "body_size_mismatch");
    await expectNothing();
  });

  it("keeps no bytes where the record is refused", async () => {
    metadata = createMemoryMetadata({
      onApply: async (point, { kind }) => {
        const { HoldfastError } = await import("@holdfast/protocol");
        if (kind === "store-alone" && point === "before-durable")
          throw new HoldfastError("storage_full");
      },
    });
    const other = await startTestServer({ parts: { metadata, storage } });
    const answer = await ask(other, {
      ...{ method: "POST", path: "/v1/files", headers: NAMED, body: content.subarray(0, 100) },
    });
    expect([answer.status, answer.json["code"]]).toEqual([507, "storage_full"]);
    expect(removed).toHaveLength(1);
    await other.close();
  });

  it.each([
    ["no name", { "content-disposition": "attachment" }, "content-disposition"],
    ["a name that is a path", { "content-disposition": 'attachment; filename="a/b"' }, "name"],
    ["a NUL in the name", { "content-disposition": "attachment; filename*=UTF-8''a%00" }, "name"],
    ["an escape there", { "content-disposition": "attachment; filename*=UTF-8''%1B%5B2J" }, "name"],
    ["a C1 control", { "content-disposition": "attachment; filename*=UTF-8''a%C2%85" }, "name"],
    [
      "half of a surrogate pair",
      { "holdfast-metadata": metadataField('{"a":"\\ud800"}') },
      "metadata",
    ],
    ["a type that is none", { "content-type": "nothing" }, "type"],
    ["a key that is none", { "idempotency-key": "a b" }, "idempotency-key"],
    ["an encoding", { "content-encoding": "gzip" }, "content-encoding"],
    ["metadata that is no base64", { "holdfast-metadata": "{}" }, "holdfast-metadata"],
    ["metadata that is no text", { "holdfast-metadata": metadataField('{"a":1}') }, "metadata"],
  ])("is refused with %s", async (_, headers, field) => {
    const answer = await post(content.subarray(0, 9), headers);
    expect([answer.status, answer.json["field"]]).toEqual([400, field]);
    await expectNothing();
  });

  it("is refused with more metadata than create takes", async () => {
    const json = JSON.stringify({ a: "x".repeat(16 * KIB) });
    const headers = { "holdfast-metadata": metadataField(json) };
    const { status, json: told } = await post(content.subarray(0, 9), headers);
    // A host that takes no such header says so itself.
    expect([status, told["field"]]).toEqual([400, "metadata"]);
    await expectNothing();
  });

  it("is refused where its two digests differ", async () => {
    const headers = { "repr-digest": digest(content), "content-digest": digest(Buffer.from("a")) };
    expect((await post(content, headers)).json["code"]).toBe("invalid_digest");
  });
});

async function expectNothing(): Promise<void> {
  // What is removed after the answer is removed soon.
  const isLeft = (): boolean =>
    [...metadata.snapshot().uploads.values()].some((upload) => upload.hasBytes);
  while (isLeft()) await new Promise((resolve) => setImmediate(resolve));
  expect(metadata.snapshot().files.size).toBe(0);
}

describe("POST /v1/files under a key", () => {
  it.each([0, 64 * KIB, content.length])(
    "makes one file of %i bytes, however often",
    async (size) => {
      const key = { "idempotency-key": "key-1" };
      const bytes = content.subarray(0, size);
      const [first, second] = await Promise.all([post(bytes, key), post(bytes, key)]);
      const answers = [first, second].filter(({ status }) => status === 201);
      // Two at once: the newer one may have ended the older one's append.
      const third = await post(bytes, key);
      expect(third.status).toBe(201);
      expect(new Set([...answers, third].map(({ json }) => json["id"])).size).toBe(1);
      expect(metadata.snapshot().files.size).toBe(1);
      expect(await read(third)).toEqual(Buffer.from(bytes));
    },
  );

  it("goes on with what a cut connection left, comparing what came", async () => {
    const headers = { ...NAMED, "idempotency-key": "key-2" };
    const raw = await openRaw(server);
    const length = { "content-length": String(content.length) };
    raw.socket.write(
      rawHead({ method: "POST", path: "/v1/files", headers: { ...headers, ...length } }),
    );
    raw.socket.end(content.subarray(0, MIB + 5001));
    await raw.ended();
    const [upload] = metadata.snapshot().uploads.values();
    expect(upload?.tail).toMatchObject({ index: 1, size: 5001 });
    const other = content.slice();
    other[MIB + 5000] = (other[MIB + 5000] ?? 0) ^ 1;
    const wrong = await post(other, headers);
    expect([wrong.status, wrong.json["code"]]).toEqual([409, "part_conflict"]);
    const right = await post(content, headers);
    expect(right.status).toBe(201);
    expect(await read(right)).toEqual(Buffer.from(content));
    expect(metadata.snapshot().uploads.size).toBe(1);
  });

  it("is another request with other metadata", async () => {
    const fields = (json: string) => ({
      "idempotency-key": "key-4",
      "holdfast-metadata": metadataField(json),
    });
    const bytes = content.subarray(0, 100);
    const first = await post(bytes, fields('{"a":"1"}'));
    expect((await post(bytes, fields('{"a":"1"}'))).json["id"]).toBe(first.json["id"]);
    expect((await post(bytes, fields('{"a":"2"}'))).json["code"]).toBe("idempotency_conflict");
  });

  it("refuses another request, and other bytes of the same size", async () => {
    const key = { "idempotency-key": "key-3" };
    await post(content.subarray(0, 100), key);
    const longer = await post(content.subarray(0, 101), key);
    expect([longer.status, longer.json["code"]]).toEqual([422, "idempotency_conflict"]);
    const other = await post(content.subarray(1, 101), key);
    expect([other.status, other.json["code"]]).toEqual([422, "idempotency_conflict"]);
    expect(metadata.snapshot().files.size).toBe(1);
  });
});
