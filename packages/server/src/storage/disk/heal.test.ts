// Bytes that rot on a disk, or go: refused by name, and mended by the same file uploaded again.
import { mkdtemp, open, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeFile, type FileView, KIB, MIB } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, startTestServer, type TestServer } from "../../http/server.fixture.ts";
import type { Fs } from "./fs.ts";
import { createDiskStorage } from "./index.ts";
import { nodeFs } from "./node-fs.ts";

const LARGE = Buffer.from(createRandom("rot").bytes(3 * MIB + 4321));
const SMALL = LARGE.subarray(0, 100 * KIB + 7);

let directory: string;
let storage: Awaited<ReturnType<typeof createDiskStorage>>;
let server: TestServer;
/** How files were opened. */
let opened: { readonly path: string; readonly how: string }[];
const fs: Fs = {
  ...nodeFs,
  open(path, access, caching) {
    opened.push({ path, how: `${access} ${caching}` });
    return nodeFs.open(path, access, caching);
  },
};

beforeEach(async () => {
  opened = [];
  directory = await mkdtemp(join(tmpdir(), "holdfast-heal-"));
  storage = await createDiskStorage({ directory, fs });
  server = await startTestServer({ parts: { storage, metadata: createMemoryMetadata() } });
});
afterEach(async () => {
  await server.engine.drain(0);
  await server.close();
  await storage.close();
  await rm(directory, { recursive: true });
});

/** The file, and where its bytes are. */
async function bring(content: Buffer, headers = {}): Promise<FileView & { readonly path: string }> {
  const before = new Set(await readdir(directory));
  const answer = await ask(server, {
    ...{ method: "POST", path: "/v1/files", body: content },
    headers: { "content-disposition": "attachment; filename=a", ...headers },
  });
  expect(answer.status).toBe(201);
  const names = (await readdir(directory)).filter((name) => name.endsWith(".bytes"));
  const name = names.find((one) => !before.has(one)) ?? "";
  return { ...decodeFile(answer.json), path: join(directory, name) };
}

async function flip(path: string, ...places: readonly number[]): Promise<void> {
  const file = await open(path, "r+");
  for (const at of places) {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    await file.write(Buffer.of((byte[0] ?? 0) ^ 4), 0, 1, at);
  }
  await file.close();
}

const get = ({ url }: FileView) => ask(server, { path: url, headers: { "holdfast-verify": "?1" } });

async function findDamage(file: FileView): Promise<void> {
  // What was found right is believed for a while.
  server.clock.advance(60_000);
  const { status, json } = await get(file);
  // A download that only comes to it is cut off.
  if (status === 500) expect(json["code"]).toBe("part_damaged");
}

const damaged = async () => (await server.engine.health()).damaged;
const untilMended = () => expect.poll(damaged, { timeout: 15_000 }).toBe(0);

async function expectWhole(file: FileView, content: Buffer): Promise<void> {
  server.clock.advance(60_000);
  const { status, bytes } = await get(file);
  expect([status, bytes.equals(content)]).toEqual([200, true]);
}

describe("a file of which stored bytes are bad", () => {
  it.each<readonly [string, (path: string) => Promise<void>]>([
    ["one bit in its first part", (path) => flip(path, 17)],
    [
      "bits in several parts, of which only the first was found",
      (path) => flip(path, 9, MIB, 3 * MIB + 5),
    ],
    ["its end, cut off", (path) => truncate(path, 1000)],
    ["all of it, gone", (path) => rm(path)],
  ])("is mended by the same file: %s", async (_, spoil) => {
    const file = await bring(LARGE);
    await spoil(file.path);
    await findDamage(file);
    expect(await damaged()).toBe(1);
    const again = await bring(LARGE);
    await untilMended();
    await expectWhole(file, LARGE);
    await expectWhole(again, LARGE);
    expect(server.logged).toContainEqual(
      expect.objectContaining({
        event: "file.healed",
        fields: expect.objectContaining({ file: file.id }),
      }),
    );
  });

  it("is mended by the same request under the same key, which makes no second file", async () => {
    const key = { "idempotency-key": "small" };
    const file = await bring(SMALL, key);
    await flip(file.path, 5);
    await findDamage(file);
    const again = await bring(SMALL, key);
    expect(again.id).toBe(file.id);
    expect(await damaged()).toBe(0);
    await expectWhole(file, SMALL);
  });

  it("is mended by a small one without a key", async () => {
    const file = await bring(SMALL);
    await flip(file.path, 5);
    await findDamage(file);
    await bring(SMALL);
    await untilMended();
    await expectWhole(file, SMALL);
  });

  it("is not mended by other bytes, nor by the same of which that part is bad, too", async () => {
    const [file, twin] = [await bring(LARGE), await bring(LARGE)];
    await flip(twin.path, 2 * MIB + 1);
    await flip(file.path, 2 * MIB + 9);
    await ask(server, {
      path: file.url,
      headers: { "holdfast-verify": "?1", range: `bytes=${2 * MIB}-` },
    });
    await bring(SMALL);
    await server.engine.sweep("server", { isDryRun: false });
    opened = [];
    server.clock.advance(60_000);
    const answer = await ask(server, { path: file.url, headers: { range: `bytes=${2 * MIB}-` } });
    expect(answer.json["code"]).toBe("part_damaged");
    expect((await ask(server, { path: file.url, headers: { range: "bytes=0-9" } })).status).toBe(
      206,
    );
    // By way of the page cache, as before.
    const how = opened.filter(({ path }) => path === file.path).map((one) => one.how);
    expect(how).toEqual(["read cached"]);
  });

  it("is mended by the sweep where nothing else came to it", async () => {
    const [file, twin] = [await bring(LARGE), await bring(LARGE)];
    await flip(file.path, 3);
    await findDamage(file);
    expect(await damaged()).toBe(1);
    await server.engine.sweep("server", { isDryRun: false });
    expect(await damaged()).toBe(0);
    await expectWhole(file, LARGE);
    await expectWhole(twin, LARGE);
  });

  it("tells whoever asks for its manifest, so that he can bring it again", async () => {
    const file = await bring(LARGE);
    const manifest = () => ask(server, { path: `${file.url}/manifest` });
    expect((await manifest()).headers["holdfast-damaged"]).toBeUndefined();
    await flip(file.path, 3);
    await findDamage(file);
    expect((await manifest()).headers["holdfast-damaged"]).toBe("0");
  });
});
