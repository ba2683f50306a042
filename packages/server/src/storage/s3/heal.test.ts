// Bytes that rot in an object store: refused by name, and healed by the same file uploaded again, which gets a new object while readers go on with the old one.
import type { MetadataStore } from "@holdfast/engine";
import { decodeFile, type FileView, KIB, MIB } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, startTestServer, type TestServer } from "../../http/server.fixture.ts";
import { systemClock, systemRandom } from "../../platform.ts";
import type { S3Calls } from "./calls.ts";
import { AWS_CAPABILITIES } from "./capabilities.ts";
import { createAwsCalls, createS3Storage } from "./index.ts";

const PART = MIB;
/** Two whole parts and a short one. */
const LARGE = Buffer.from(createRandom("rot").bytes(2 * PART + 4321));
const SMALL = LARGE.subarray(0, 100 * KIB + 7);
const HOUR_MS = 60 * 60 * 1000;

let double: S3Double;
let calls: S3Calls;
let server: TestServer;
let metadata: MetadataStore;
beforeEach(async () => {
  double = await startS3Double({ instead: { partSizeMin: PART } });
  const { endpoint, bucketName: bucket, credentials } = double;
  calls = createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials });
  const capabilities = { ...AWS_CAPABILITIES, partSizeMin: PART };
  const platform = { clock: systemClock, random: systemRandom };
  const storage = createS3Storage({ calls, ...platform, prefix: "ours/", capabilities });
  metadata = createMemoryMetadata();
  server = await startTestServer({ parts: { storage, metadata } });
});
afterEach(async () => {
  await server.engine.drain(0);
  await server.close();
  calls.close();
  await double.close();
});

const keysOfBytes = () =>
  [...double.bucket.objects.keys()].filter((key) => key.includes("/bytes/"));

/** The file, and the key of its object. */
async function bring(content: Buffer, headers = {}): Promise<FileView & { readonly key: string }> {
  const before = new Set(keysOfBytes());
  const answer = await ask(server, {
    ...{ method: "POST", path: "/v1/files", body: content },
    headers: { "content-disposition": "attachment; filename=a", ...headers },
  });
  expect(answer.status).toBe(201);
  const key = keysOfBytes().find((one) => !before.has(one)) ?? "";
  return { ...decodeFile(answer.json), key };
}

/** Other bytes stand where these were, as long as before. */
async function flip(key: string, content: Buffer, ...places: readonly number[]): Promise<void> {
  const spoilt = Buffer.from(content);
  for (const at of places) spoilt[at] = (spoilt[at] ?? 0) ^ 4;
  await calls.objects.put(key, spoilt, { type: "a/b" });
}

const get = ({ url }: FileView, more: Record<string, string> = {}) =>
  ask(server, { path: url, headers: { "holdfast-verify": "?1", ...more } });

async function findDamage(file: FileView, range = "bytes=0-"): Promise<void> {
  // What was found right is believed for a while.
  server.clock.advance(60_000);
  const { status, json } = await get(file, { range });
  expect([status, json["code"]]).toEqual([500, "part_damaged"]);
}

const damaged = async () => (await server.engine.health()).damaged;
const untilHealed = () => expect.poll(damaged, { timeout: 15_000 }).toBe(0);

async function expectWhole(file: FileView, content: Buffer): Promise<void> {
  server.clock.advance(60_000);
  const { status, bytes } = await get(file);
  expect([status, bytes.equals(content)]).toEqual([200, true]);
}

describe("a file of which bytes in the store are bad", () => {
  it.each<readonly [string, (key: string) => Promise<void>]>([
    ["one bit in its first part", (key) => flip(key, LARGE, 17)],
    ["bits in several parts, of which one was found", (key) => flip(key, LARGE, 9, 2 * PART + 5)],
    ["its end, cut off", (key) => flip(key, LARGE.subarray(0, 1000), 1)],
    ["all of it, gone", (key) => calls.objects.delete(key)],
  ])("is healed by the same file: %s", async (_, spoil) => {
    const file = await bring(LARGE);
    await spoil(file.key);
    await findDamage(file);
    expect(await damaged()).toBe(1);
    const again = await bring(LARGE);
    await untilHealed();
    await expectWhole(file, LARGE);
    await expectWhole(again, LARGE);
    expect(server.logged).toContainEqual(
      expect.objectContaining({
        event: "file.healed",
        fields: expect.objectContaining({ file: file.id }),
      }),
    );
    expect(double.bucket.multiparts.size).toBe(0);
  });

  it("is healed out of both where each has rotted elsewhere", async () => {
    const [file, twin] = [await bring(LARGE), await bring(LARGE)];
    await flip(file.key, LARGE, 3);
    await flip(twin.key, LARGE, PART + 3);
    await findDamage(file);
    await server.engine.sweep("server", { isDryRun: false });
    await expectWhole(file, LARGE);
    // The other one was found bad on the way, and has its turn.
    expect(await damaged()).toBe(1);
    await server.engine.sweep("server", { isDryRun: false });
    expect(await damaged()).toBe(0);
    await expectWhole(twin, LARGE);
  });

  it("is healed out of both where each was found to have rotted elsewhere", async () => {
    const [file, twin] = [await bring(LARGE), await bring(LARGE)];
    await flip(file.key, LARGE, 3);
    await flip(twin.key, LARGE, PART + 3);
    await findDamage(file);
    await findDamage(twin, `bytes=${PART}-`);
    await server.engine.sweep("server", { isDryRun: false });
    expect(await damaged()).toBe(0);
    for (const one of [file, twin]) await expectWhole(one, LARGE);
  });

  it("is not healed where a part is nowhere, nor by other bytes, and leaves nothing", async () => {
    const [file, twin] = [await bring(LARGE), await bring(LARGE)];
    for (const { key } of [file, twin]) await flip(key, LARGE, PART + 3);
    await findDamage(file, `bytes=${PART}-`);
    await bring(SMALL);
    const before = keysOfBytes();
    await server.engine.sweep("server", { isDryRun: false });
    await findDamage(file, `bytes=${PART}-`);
    expect([keysOfBytes(), double.bucket.multiparts.size]).toEqual([before, 0]);
  });

  it("is healed by the same request under the same key, which makes no second file", async () => {
    const key = { "idempotency-key": "small" };
    const file = await bring(SMALL, key);
    await flip(file.key, SMALL, 5);
    await findDamage(file);
    const again = await bring(SMALL, key);
    expect([again.id, await damaged()]).toEqual([file.id, 0]);
    await expectWhole(file, SMALL);
  });

  it("keeps its note where it is found right again, and no new object for that", async () => {
    const file = await bring(LARGE);
    await flip(file.key, LARGE, 3);
    await findDamage(file);
    await flip(file.key, LARGE);
    await bring(LARGE);
    await untilHealed();
    await expectWhole(file, LARGE);
    expect(keysOfBytes()).toContain(file.key);
    expect(keysOfBytes()).toHaveLength(2);
  });

  it("lets those who read the old object go on, which goes with the sweep, or with the file", async () => {
    const file = await bring(LARGE);
    await flip(file.key, LARGE, 3);
    await findDamage(file);
    const known = await metadata.file(file.id);
    if (!known) throw new Error("no file");
    await bring(LARGE);
    await untilHealed();
    expect(keysOfBytes()).toHaveLength(3);
    // The part is bad where the reader was led to, and right where the record leads now.
    const pieces: Uint8Array[] = [];
    for await (const piece of server.engine.read(known, { start: 0, end: file.size })) {
      pieces.push(Buffer.from(piece));
    }
    expect([Buffer.concat(pieces).equals(LARGE), await damaged()]).toEqual([true, 0]);
    // By the store's clock nothing has been there for an hour yet.
    const { objects } = double.bucket;
    for (const [key, object] of objects) objects.set(key, { ...object, modifiedAt: 0 });
    for (let passes = 0; passes < 2; passes++) {
      server.clock.advance(7 * HOUR_MS);
      await server.engine.sweep("server", { isDryRun: false });
    }
    expect(keysOfBytes()).toHaveLength(2);
    await expectWhole(file, LARGE);
  });

  it("takes its old object along when it is deleted before the sweep", async () => {
    const file = await bring(SMALL);
    await flip(file.key, SMALL, 3);
    await findDamage(file);
    const again = await bring(SMALL);
    await untilHealed();
    const { status } = await ask(server, { method: "DELETE", path: file.url });
    expect([status, keysOfBytes()]).toEqual([204, [again.key]]);
  });
});

it("a manifest that rots is made anew under its own key, from the file's own bytes", async () => {
  const file = await bring(LARGE);
  const [key = ""] = [...double.bucket.objects.keys()].filter((one) => one.includes("/manifest/"));
  const manifest = () => ask(server, { path: `${file.url}/manifest` });
  const before = await manifest();
  await flip(key, before.bytes, 60);
  expect((await manifest()).json).toMatchObject({ code: "storage_failed" });
  const events = () => server.logged.map(({ event }) => event);
  await expect.poll(events, { timeout: 15_000 }).toContain("manifest.healed");
  const after = await manifest();
  expect([after.status, after.bytes.equals(before.bytes)]).toEqual([200, true]);
  expect([...double.bucket.objects.keys()].filter((one) => one.includes("/manifest/"))).toEqual([
    key,
  ]);
});
