// Files on a disk that the kernel sends by itself: the same bytes as ever, in their place among what Node sends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MetadataStore, SendStored } from "@holdfast/engine";
import { decodeFile, type FileView, KIB, MIB } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDiskStorage, type DiskStorage } from "../../storage/disk/index.ts";
import {
  ask,
  openRaw,
  rawHead,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "../server.fixture.ts";

/** More than both kernels keep of a connection. */
const CONTENT = Buffer.alloc(24 * MIB + 7);
for (let at = 0; at + 4 <= CONTENT.length; at += 4) CONTENT.writeUInt32LE(at * 17, at);
const SIZE = CONTENT.length;
/** A part is this long in a file that comes in one request. */
const PART = MIB;

let directory: string;
let storage: DiskStorage;
let metadata: MetadataStore;
let server: TestServer;
let file: FileView;
let went = 0;
/** What the next ones of `send` do instead. */
let instead: SendStored | undefined;

const send: SendStored = async (object, range, outlet) => {
  const size = await (instead ?? storage.send)(object, range, outlet);
  went += size ?? 0;
  return size;
};

async function start(parts: TestServerOptions["parts"] = {}): Promise<void> {
  server = await startTestServer({ parts: { storage, metadata, send, ...parts } });
  const headers = { "content-disposition": "attachment; filename=a" };
  const sent = await ask(server, { method: "POST", path: "/v1/files", headers, body: CONTENT });
  expect(sent.status).toBe(201);
  file = decodeFile(sent.json);
  // Uploads go past the page cache: the first reader brings the bytes there.
  expect((await ask(server, { path: file.url })).bytes.equals(CONTENT)).toBe(true);
  went = 0;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-outlet-"));
  storage = await createDiskStorage({ directory });
  metadata = createMemoryMetadata();
  instead = undefined;
});
afterEach(async () => {
  await server.close();
  await storage.close();
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(process.platform !== "linux")("what the kernel sends", () => {
  it("is nearly all of a file, and the same", async () => {
    await start();
    expect((await ask(server, { path: file.url })).bytes.equals(CONTENT)).toBe(true);
    expect(went).toBeGreaterThan(SIZE * 0.9);
  });

  it.each([
    [1000, 9 * MIB + 1],
    [PART - 1, PART + 300 * KIB],
    [SIZE - 2 * MIB, SIZE],
    // What a slot holds goes as ever.
    [5, 200 * KIB],
  ])("is the range from %d to %d", async (start_, end) => {
    await start();
    const range = `bytes=${start_}-${end - 1}`;
    const { status, bytes } = await ask(server, { path: file.url, headers: { range } });
    expect(status).toBe(206);
    expect(bytes.equals(CONTENT.subarray(start_, end))).toBe(true);
    expect(went > 0).toBe(end - start_ > 256 * KIB);
  });

  it("stands between the heads of one connection, asked ahead or not", async () => {
    await start();
    const raw = await openRaw(server);
    const range = { range: `bytes=0-${4 * MIB - 1}` };
    const head = rawHead({ path: file.url, headers: range });
    raw.socket.write(head + head);
    const last = rawHead({ path: "/livez", headers: { connection: "close" } });
    raw.socket.write(head + last);
    const { text, error } = await raw.ended();
    expect(error).toBeUndefined();
    const answers = text.split("HTTP/1.1 ").slice(1);
    const bodies = answers.map((answer) => answer.slice(answer.indexOf("\r\n\r\n") + 4));
    expect(answers.map((answer) => answer.slice(0, 3))).toEqual(["206", "206", "206", "200"]);
    const wanted = CONTENT.subarray(0, 4 * MIB).toString("latin1");
    for (const body of bodies.slice(0, 3)) expect(body === wanted).toBe(true);
  });

  it("waits for a reader that stops for a while", async () => {
    await start();
    const raw = await openRaw(server);
    raw.socket.pause();
    raw.socket.write(rawHead({ path: file.url, headers: { connection: "close" } }));
    await expect.poll(() => went).toBeGreaterThan(0);
    // Nothing moves any more once both kernels are full.
    let before = -1;
    await expect
      .poll(() => {
        const stands = before === went;
        before = went;
        return stands;
      })
      .toBe(true);
    expect(went).toBeLessThan(SIZE);
    raw.socket.resume();
    const { text } = await raw.ended();
    expect(text.slice(text.indexOf("\r\n\r\n") + 4) === CONTENT.toString("latin1")).toBe(true);
  });

  it("ends with a reader that goes, and with nobody else", async () => {
    await start();
    const gone = await openRaw(server);
    gone.socket.pause();
    gone.socket.write(rawHead({ path: file.url }));
    await expect.poll(() => went).toBeGreaterThan(0);
    gone.socket.resetAndDestroy();
    const others = await Promise.all([1, 2, 3].map(() => ask(server, { path: file.url })));
    for (const { bytes } of others) expect(bytes.equals(CONTENT)).toBe(true);
    await expect.poll(server.connections).toBe(0);
  });

  it("is read where it would have to be waited for, now and then or always", async () => {
    await start();
    let calls = 0;
    instead = async (...asked) => (calls++ % 3 === 1 ? storage.send(...asked) : undefined);
    expect((await ask(server, { path: file.url })).bytes.equals(CONTENT)).toBe(true);
    expect(went).toBeGreaterThan(0);
    expect(went).toBeLessThan(SIZE);
    instead = async () => undefined;
    expect((await ask(server, { path: file.url })).bytes.equals(CONTENT)).toBe(true);
  });

  it("is never more than was asked for, and what is missing cuts the connection", async () => {
    await start();
    const raw = await openRaw(server);
    // Somebody has cut the file short behind our back.
    instead = async () => 0;
    const read: DiskStorage["read"] = async (_, offset, into) =>
      offset > 8 * MIB ? 0 : into.length;
    Object.assign(storage, { read });
    raw.socket.write(rawHead({ path: file.url }));
    const { text } = await raw.ended();
    expect(text.length).toBeLessThan(SIZE);
    expect(server.logged).toContainEqual(expect.objectContaining({ event: "download failed" }));
  });

  it("is checked before, where reads are verified", async () => {
    await start({ reads: "verified" });
    expect((await ask(server, { path: file.url })).bytes.equals(CONTENT)).toBe(true);
    expect(went).toBeGreaterThan(SIZE * 0.7);
  });
});

describe("a reply that a host may have put something around", () => {
  it("goes through its hands whole", async () => {
    await start();
    const other = await startTestServer({ hasParser: true, parts: { storage, metadata, send } });
    expect((await ask(other, { path: file.url })).bytes.equals(CONTENT)).toBe(true);
    expect(went).toBe(0);
    await other.close();
  });
});
