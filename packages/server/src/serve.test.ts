// The whole server on a real directory: starts, keeps, closes, refuses.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "@holdfast/engine";
import { decodeUpload, KIB } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, askJson, openRaw, putRequest, rawHead } from "./http/server.fixture.ts";
import { type RunningServer, serve } from "./index.ts";

let dataDir: string;
const running: RunningServer[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "holdfast-serve-"));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  await rm(dataDir, { recursive: true });
});

async function start(more: object = {}): Promise<RunningServer> {
  const server = await serve({ dataDir, port: 0, log: () => undefined, ...more });
  running.push(server);
  return server;
}

const CONTENT = Buffer.alloc(600 * KIB, "holdfast ");

async function create(server: RunningServer) {
  const body = { name: "a.bin", size: CONTENT.length, partSize: 256 * KIB };
  return decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
}

describe("a server", () => {
  it("keeps what it acknowledged when it is closed and started again", async () => {
    const first = await start();
    const view = await create(first);
    expect((await ask(first, putRequest(view, CONTENT, [0, 1]))).status).toBe(200);
    await first.close();
    await first.closed;

    const second = await start();
    const path = `/v1/uploads/${view.id}`;
    expect(decodeUpload((await ask(second, { path })).json).offset).toBe(256 * KIB);
    expect((await ask(second, putRequest(view, CONTENT, [1, 3]))).status).toBe(200);
    const done = await ask(second, { method: "POST", path: `${path}/complete` });
    const { file } = decodeUpload(done.json);
    expect((await ask(second, { path: file?.url ?? "" })).bytes.equals(CONTENT)).toBe(true);
  });

  it("says where it listens, and is gone when it is closed", async () => {
    const server = await start();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    const holder = await readFile(join(dataDir, "owner.json"), "utf8");
    expect(JSON.parse(holder)).toMatchObject({ url: server.url, pid: process.pid });
    await Promise.all([server.close(), server.close()]);
    await expect(ask(server, { path: "/livez" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("closes idle connections at once", async () => {
    const server = await start();
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: "/livez" }));
    await raw.until('{"status":"ok"}');
    const closing = server.close();
    expect((await raw.ended()).error).toBeUndefined();
    raw.socket.destroy();
    await closing;
  });

  it("commits what came of a body when it is told to close, and refuses the rest", async () => {
    const server = await start({ closeMs: 400 });
    const view = await create(server);
    const { body, ...head } = putRequest(view, CONTENT, [0, 3]);
    const raw = await openRaw(server);
    const headers = { ...head.headers, "content-length": String(body.length) };
    raw.socket.write(rawHead({ ...head, headers }));
    raw.socket.write(CONTENT.subarray(0, 300 * KIB));
    while (decodeUpload((await ask(server, { path: `/v1/uploads/${view.id}` })).json).offset === 0);
    await server.close();
    expect((await raw.ended()).text).toMatch(/^HTTP\/1\.1 503 .*connection: close.*shutting_down/s);
    const again = await start();
    const after = await ask(again, { path: `/v1/uploads/${view.id}` });
    expect(decodeUpload(after.json).offset).toBe(256 * KIB);
  });

  it("does not wait for ever for a client that neither sends nor leaves", async () => {
    const server = await start({ closeMs: 100 });
    const raw = await openRaw(server);
    raw.socket.write("GET / HTTP/1.1\r\n");
    raw.socket.write("Host: localhost\r\n");
    await ask(server, { path: "/livez" });
    await server.close();
    await raw.ended();
  });
});

describe("a server refuses to start", () => {
  it("on a directory that another one has", async () => {
    const server = await start();
    const refused = start();
    await expect(refused).rejects.toMatchObject({ code: "data_dir_busy" });
    expect((await ask(server, { path: "/livez" })).status).toBe(200);
  });

  it("on an address that is in use, and lets the directory go", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const errors: string[] = [];
    const log: Log = (level, event) => level === "error" && errors.push(event);
    await expect(start({ port, log })).rejects.toMatchObject({ code: "address_in_use" });
    // Whoever looks sees the reason, and nothing that the stop has ended.
    expect(errors).toEqual([]);
    taken.close();
    expect((await start()).port).toBeGreaterThan(0);
  });

  it("where its last step fails, and listens no more", async () => {
    let url = "";
    const log: Log = (_level, event, fields) => {
      if (event !== "listening") return;
      url = String(fields?.["url"]);
      throw new Error("no room for the log");
    };
    await expect(start({ log })).rejects.toThrow("no room for the log");
    await expect(ask({ port: Number(new URL(url).port) }, { path: "/livez" })).rejects.toThrow();
    await start();
  });

  it("beyond this machine without protection", async () => {
    await expect(start({ host: "0.0.0.0" })).rejects.toMatchObject({ code: "insecure_bind" });
  });

  it("under a file", async () => {
    await expect(start({ dataDir: "/dev/null/x" })).rejects.toMatchObject({
      code: "data_dir_unusable",
    });
  });
});
