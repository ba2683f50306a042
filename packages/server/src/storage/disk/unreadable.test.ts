// A sector of a stored file that cannot be read: named and noted like bytes that rotted, refused to whoever asks next, and mended without being read.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeFile, decodeUpload, type FileView, KIB, MIB } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  ask,
  askJson,
  openRaw,
  rawHead,
  startTestServer,
  type TestServer,
} from "../../http/server.fixture.ts";
import type { Fs } from "./fs.ts";
import { createDiskStorage } from "./index.ts";
import { nodeFs } from "./node-fs.ts";

const LARGE = Buffer.from(createRandom("sector").bytes(3 * MIB + 4321));
const SMALL = LARGE.subarray(0, 100 * KIB + 7);
const PAGE = 4096;
const PATIENT = { timeout: 15_000 };

interface Sector {
  /** A name in the directory; whatever has it. */
  path: string;
  /** Where its page begins. */
  at: number;
  /** Reads that it has failed. */
  failed: number;
}

let bad: Sector | undefined;
let directory: string;
let storage: Awaited<ReturnType<typeof createDiskStorage>>;
let server: TestServer;

beforeEach(async () => {
  bad = undefined;
  directory = await mkdtemp(join(tmpdir(), "holdfast-sector-"));
});
afterEach(async () => {
  await server.engine.drain(0);
  await server.close();
  await storage.close();
  await rm(directory, { recursive: true });
});

/** The real file system, on a disk with one bad sector: to write it whole mends it, to write a part of it through the page cache reads it first. */
const fs: Fs = {
  ...nodeFs,
  async open(path, access, caching) {
    const file = await nodeFs.open(path, access, caching);
    const meets = (offset: number, size: number) =>
      bad?.path === path && offset < bad.at + PAGE && offset + size > bad.at ? bad : undefined;
    const fail = (sector: Sector): never => {
      sector.failed++;
      throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
    };
    return {
      ...file,
      async pread(into, start, size, offset) {
        const sector = meets(offset, size);
        if (sector && (sector.at <= offset || caching === "direct")) fail(sector);
        return file.pread(into, start, sector ? sector.at - offset : size, offset);
      },
      async send(outlet, offset, size) {
        const sector = meets(offset, size);
        if (sector && sector.at <= offset) return undefined;
        return file.send(outlet, offset, sector ? sector.at - offset : size);
      },
      async pwrite(pieces, offset) {
        const size = pieces.reduce((sum, { length }) => sum + length, 0);
        const sector = meets(offset, size);
        const isWhole = sector && offset <= sector.at && sector.at + PAGE <= offset + size;
        if (sector && !isWhole) fail(sector);
        const count = await file.pwrite(pieces, offset);
        if (isWhole) bad = undefined;
        return count;
      },
    };
  },
  async unlink(path) {
    await nodeFs.unlink(path);
    if (bad?.path === path) bad = undefined;
  },
};

async function start(caching: "direct" | "cached", reads?: "verified"): Promise<void> {
  storage = await createDiskStorage({
    ...{ directory, fs },
    ...(caching === "cached" ? { caching } : {}),
  });
  server = await startTestServer({
    parts: { storage, metadata: createMemoryMetadata(), send: storage.send, reads },
  });
}

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
  return { ...decodeFile(answer.json), path: `${directory}/${name}` };
}

function spoil({ path }: { readonly path: string }, at: number): Sector {
  bad = { path, at: at - (at % PAGE), failed: 0 };
  return bad;
}

const get = ({ url }: FileView, headers = {}) => ask(server, { path: url, headers });
const VERIFY = { "holdfast-verify": "?1" };
const damaged = async () => (await server.engine.health()).damaged;

async function expectWhole(file: FileView, content: Buffer): Promise<void> {
  server.clock.advance(60_000);
  const { status, bytes } = await get(file, VERIFY);
  expect([status, bytes.equals(content)]).toEqual([200, true]);
}

describe("a part with a sector that cannot be read", () => {
  it.each([
    ["asks for checked parts", VERIFY, undefined],
    ["is served by one that checks all", {}, "verified" as const],
  ])("is refused by name to who %s, and told to the operator", async (_, headers, reads) => {
    await start("direct", reads);
    const file = await bring(LARGE);
    spoil(file, MIB + 70_000);
    const answer = await get(file, { ...headers, range: `bytes=${MIB}-` });
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ code: "part_damaged", file: file.id, index: 1 });
    expect(await damaged()).toBe(1);
    for (const event of ["part.unreadable", "part.bad"]) {
      const fields = expect.objectContaining({ file: file.id, index: 1 });
      expect(server.logged).toContainEqual(expect.objectContaining({ event, fields }));
    }
    expect((await get(file, { ...headers, range: "bytes=0-9" })).status).toBe(206);
    // The page with the number of damaged files, and what a monitor reads.
    expect((await ask(server, { path: "/metrics" })).bytes.toString()).toMatch(
      /^holdfast_files_damaged 1$/m,
    );
  });

  it("cuts off whoever comes to it, and is refused by name to the next, who asks for nothing", async () => {
    await start("direct");
    const file = await bring(LARGE);
    spoil(file, 2 * MIB + 9);
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: file.url }));
    const { text } = await raw.ended();
    const body = text.slice(text.indexOf("\r\n\r\n") + 4);
    expect(body.length).toBeLessThanOrEqual(2 * MIB);
    expect(LARGE.subarray(0, body.length).toString("latin1") === body).toBe(true);
    await expect.poll(damaged, PATIENT).toBe(1);
    const answer = await get(file, { range: `bytes=${2 * MIB}-` });
    expect(answer.json).toMatchObject({ code: "part_damaged", index: 2 });
  });

  it("is noted where a read begins amid another part", async () => {
    await start("direct");
    const file = await bring(LARGE);
    spoil(file, MIB);
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: file.url, headers: { range: `bytes=${MIB - 9}-` } }));
    await raw.ended();
    await expect.poll(damaged, PATIENT).toBe(1);
    expect((await get(file, { range: "bytes=0-9" })).status).toBe(206);
    expect((await get(file, { range: `bytes=${MIB}-` })).json["index"]).toBe(1);
  });

  it("is noted although it was found right a moment ago", async () => {
    await start("direct", "verified");
    const file = await bring(LARGE);
    expect((await get(file)).status).toBe(200);
    const sector = spoil(file, 5);
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: file.url }));
    await raw.ended();
    await expect.poll(damaged, PATIENT).toBe(1);
    expect(sector.failed).toBeGreaterThan(1);
  });

  it("is none where the next look can read it", async () => {
    await start("direct");
    const file = await bring(LARGE);
    const sector = spoil(file, 5);
    Object.defineProperty(sector, "failed", {
      get: () => 0,
      // One failure, and then it goes.
      set: () => {
        bad = undefined;
      },
    });
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: file.url }));
    await raw.ended();
    expect(bad).toBeUndefined();
    await expectWhole(file, LARGE);
    expect(await damaged()).toBe(0);
  });
});

describe.each(["direct", "cached"] as const)("a bad sector is mended, %s", (caching) => {
  it.each([
    ["in the first part", 70_000],
    ["in the last page, which is none that is full", LARGE.length - 1],
  ])("by the same file: %s", async (_, at) => {
    await start(caching);
    const file = await bring(LARGE);
    spoil(file, at);
    const part = Math.floor(at / MIB) * MIB;
    expect((await get(file, { ...VERIFY, range: `bytes=${part}-` })).status).toBe(500);
    const again = await bring(LARGE);
    await expect.poll(damaged, PATIENT).toBe(0);
    expect(bad).toBeUndefined();
    await expectWhole(file, LARGE);
    await expectWhole(again, LARGE);
  });

  it.each([
    ["amid it", 50_000],
    ["in its last page", SMALL.length - 1],
  ])("by the same small file under its key: %s", async (_, at) => {
    await start(caching);
    const key = { "idempotency-key": "small" };
    const file = await bring(SMALL, key);
    spoil(file, at);
    expect((await get(file, VERIFY)).status).toBe(500);
    expect((await bring(SMALL, key)).id).toBe(file.id);
    expect([await damaged(), bad]).toEqual([0, undefined]);
    await expectWhole(file, SMALL);
  });
});

it.skipIf(process.platform !== "linux")(
  "the kernel's word for it is heard whichever way bytes are read",
  async () => {
    // The first page of no process can be read.
    for (const caching of ["cached", "direct"] as const) {
      const file = await nodeFs.open("/proc/self/mem", "read", caching).catch(() => undefined);
      if (caching === "direct" && !file) continue;
      await expect(file?.pread(new Uint8Array(PAGE), 0, PAGE, 0)).rejects.toMatchObject({
        code: "EIO",
      });
      await file?.close();
    }
  },
);

it.each(["direct", "cached"] as const)(
  "a manifest with such a sector among its digests is made anew over it, never read there: %s",
  async (caching) => {
    await start(caching);
    // So many parts that their digests fill the first page.
    const content = Buffer.alloc(26 * MIB, LARGE);
    const made = await askJson(server, "POST", "/v1/uploads", {
      ...{ name: "a", type: "a/b", size: content.length, partSize: 256 * KIB },
    });
    const { id } = decodeUpload(made.json);
    await ask(server, {
      ...{ method: "PATCH", path: `/v1/uploads/${id}`, body: content },
      headers: {
        ...{ "content-type": "application/partial-upload", "upload-offset": "0" },
        "upload-complete": "?1",
      },
    });
    const { file } = decodeUpload((await ask(server, { path: `/v1/uploads/${id}` })).json);
    const manifest = () => ask(server, { path: `${file?.url}/manifest` });
    const before = await manifest();
    expect([before.status, before.bytes.length > PAGE]).toEqual([200, true]);
    const sector = spoil({ path: `${directory}/${id}.manifest` }, 0);
    expect((await manifest()).json).toMatchObject({ code: "storage_failed" });
    const events = () => server.logged.map(({ event }) => event);
    await expect.poll(events, PATIENT).toContain("manifest.healed");
    const after = await manifest();
    expect([after.status, after.bytes.equals(before.bytes)]).toEqual([200, true]);
    // It was written whole, and never in part.
    expect([bad, sector.failed > 0]).toEqual([undefined, true]);
  },
);
