// Holdfast inside a server of somebody else: by both handlers, over a real data directory.
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Holdfast, openHoldfast } from "./embed.ts";

let dataDir: string;
let holdfast: Holdfast;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "holdfast-embed-"));
  holdfast = await openHoldfast({ dataDir, log: () => undefined });
});
afterEach(async () => {
  await holdfast.close();
  await rm(dataDir, { recursive: true });
});

const CONTENT = Buffer.alloc(300 * 1024, "holdfast ");
const DIGESTS = [CONTENT.subarray(0, 262_144), CONTENT.subarray(262_144)].map((part) =>
  createHash("sha256").update(part).digest("base64"),
);

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** Uploads and downloads; resolves with the address of the file. */
async function doMainJob(ask: Fetch): Promise<string> {
  const body = JSON.stringify({ name: "a.bin", size: CONTENT.length, partSize: 262_144 });
  const headers = { "content-type": "application/json" };
  const created = await ask("/v1/uploads", { method: "POST", body, headers });
  expect(created.status).toBe(201);
  const upload = created.headers.get("location");
  const digests = `sha-256=(${DIGESTS.map((digest) => `:${digest}:`).join(" ")})`;
  const put = { method: "PUT", body: CONTENT, headers: { "part-digest": digests } };
  expect((await ask(`${upload}/parts/0-1`, put)).status).toBe(200);
  const done = await ask(`${upload}/complete`, { method: "POST" });
  const { file } = Object(await done.json());
  const whole = await ask(file.url);
  expect(whole.headers.get("holdfast-version")).toBe("1");
  expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), CONTENT)).toBe(0);
  const range = await ask(file.url, { headers: { range: "bytes=5-9" } });
  expect([range.status, await range.text()]).toEqual([206, CONTENT.subarray(5, 10).toString()]);
  return file.url;
}

describe("the fetch-style handler", () => {
  const ask: Fetch = (path, init) => holdfast.fetch(new Request(`http://localhost${path}`, init));

  it("does the main job, and what it stored is there for the next", async () => {
    const url = await doMainJob(ask);
    await holdfast.close();
    expect((await ask("/readyz")).status).toBe(503);
    holdfast = await openHoldfast({ dataDir, log: () => undefined });
    expect((await ask(url)).status).toBe(200);
  });

  it("lets go of a download that nobody reads to its end", async () => {
    const url = await doMainJob(ask);
    for (let count = 0; count < 200; count++) await (await ask(url)).body?.cancel();
    expect((await ask(url)).status).toBe(200);
  });
});

describe("the fetch-style handler, to a host that has ways of its own", () => {
  const ask: Fetch = (path, init) => holdfast.fetch(new Request(`http://localhost${path}`, init));
  const headers = { "content-type": "application/json" };

  it("knows by what name it is called where no header tells", async () => {
    const rebound = new Request("http://rebound.example/v1/files");
    expect((await holdfast.fetch(rebound)).status).toBe(403);
    const named = new Request("http://localhost/v1/files", {
      headers: { host: "rebound.example" },
    });
    expect((await holdfast.fetch(named)).status).toBe(403);
  });

  it("has begun nothing where a response is dropped unread", async () => {
    await holdfast.close();
    // One slot for all reading.
    holdfast = await openHoldfast({ dataDir, log: () => undefined, slotMemory: 2 * 1024 * 1024 });
    const url = await doMainJob(ask);
    await ask(url);
    const body = JSON.stringify({ name: "a.bin", size: 3, verify: "readback" });
    const created = await ask("/v1/uploads", { method: "POST", body, headers });
    const upload = created.headers.get("location");
    const digest = createHash("sha256").update("abc").digest("base64");
    const put = {
      method: "PUT",
      body: "abc",
      headers: { "content-digest": `sha-256=:${digest}:` },
    };
    expect((await ask(`${upload}/parts/0`, put)).status).toBe(200);
    await ask(`${upload}/complete`, { method: "POST" });
    const isComplete = async () =>
      Object(await (await ask(`${upload}`)).json()).state === "complete";
    await expect.poll(isComplete).toBe(true);
  });

  it("lets go of events at once, and calls nobody's leaving a fault", async () => {
    const events: string[] = [];
    await holdfast.close();
    holdfast = await openHoldfast({ dataDir, log: (_, event) => events.push(event) });
    const body = JSON.stringify({ name: "a.bin", size: 3 });
    const created = await ask("/v1/uploads", { method: "POST", body, headers });
    const upload = created.headers.get("location");
    const reader = (await ask(`${upload}/events`)).body?.getReader();
    await reader?.read();
    const next = reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await reader?.cancel();
    expect(await next).toMatchObject({ done: true });
    await ask(`${upload}`, { method: "DELETE" });
    expect(events).not.toContain("download failed");
  });
});

describe("closing", () => {
  /** More than the kernel keeps for a connection by itself. */
  const LARGE = Buffer.alloc(24 * 1024 * 1024, "holdfast ");

  async function publish(ask: Fetch): Promise<string> {
    const headers = { "content-disposition": 'attachment; filename="a.bin"' };
    const made = await ask("/v1/files", { method: "POST", body: LARGE, headers });
    expect(made.status).toBe(201);
    return made.headers.get("location") ?? "";
  }

  async function reopen(closeMs: number): Promise<void> {
    await holdfast.close();
    holdfast = await openHoldfast({ dataDir, closeMs, log: () => undefined });
  }

  it("ends downloads that nobody reads, by node:http, once their time is over", async () => {
    await reopen(300);
    const url = await publish((path, init) =>
      holdfast.fetch(new Request(`http://localhost${path}`, init)),
    );
    const server = createServer(holdfast.handle);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await new Promise<void>((resolve) => {
      socket.once("data", () => resolve(void socket.pause()));
      socket.write(`GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    });
    const before = performance.now();
    await holdfast.close();
    const tookMs = performance.now() - before;
    expect(tookMs).toBeGreaterThan(250);
    expect(tookMs).toBeLessThan(5_000);
    // The application's server has no connection of ours left: it closes by itself.
    await new Promise((resolve) => server.close(resolve));
    socket.destroy();
  });

  it("ends downloads that nobody reads, by fetch, and lets others come to their end", async () => {
    await reopen(1_000);
    const ask: Fetch = (path, init) => holdfast.fetch(new Request(`http://localhost${path}`, init));
    const url = await publish(ask);
    const abandoned = (await ask(url)).body?.getReader();
    await abandoned?.read();
    const whole = await ask(url);
    const closed = holdfast.close();
    expect((await whole.arrayBuffer()).byteLength).toBe(LARGE.length);
    await closed;
    await expect(abandoned?.read()).rejects.toMatchObject({ code: "shutting_down" });
    holdfast = await openHoldfast({ dataDir, log: () => undefined });
    expect((await ask(url)).status).toBe(200);
  });
});

describe("the handler of node:http", () => {
  it("serves beside routes of others, mounted as Express mounts it", async () => {
    const server = createServer((req: IncomingMessage & { originalUrl?: string }, res) => {
      if (!req.url?.startsWith("/v1")) return void res.end("mine");
      req.originalUrl = req.url;
      req.url = req.url.slice("/v1".length);
      holdfast.handle(req, res);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await doMainJob((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init));
    expect(await (await fetch(`http://127.0.0.1:${port}/other`)).text()).toBe("mine");
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
