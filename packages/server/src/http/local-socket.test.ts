// The socket in the file system: requests over it, what was left of it, what is not ours.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type RunningServer, serve } from "../index.ts";
import { listenLocally } from "./local-socket.ts";

const TOKEN = "a-token-of-some-length";

let directory: string;
let socket: string;
const running: RunningServer[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-socket-"));
  socket = join(directory, "front.sock");
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  await rm(directory, { recursive: true });
});

async function start(name = "data", more: object = {}): Promise<RunningServer> {
  const dataDir = join(directory, name);
  const server = await serve({ dataDir, port: 0, socket, log: () => undefined, ...more });
  running.push(server);
  return server;
}

function ask(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<{ readonly status: number; readonly interim: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    let interim = 0;
    const method = body === undefined ? "GET" : "POST";
    const req = request({ socketPath: socket, path, method, headers, agent: false }, (res) => {
      let text = "";
      res.on("data", (piece: Buffer) => {
        text += piece.toString();
      });
      res.on("end", () => resolve({ status: res.statusCode ?? 0, interim, text }));
    });
    req.on("information", () => interim++);
    req.on("error", reject).end(body);
  });
}

it("is another way to the same server, for its owner and its group", async () => {
  const server = await start();
  expect((await stat(socket)).mode & 0o777).toBe(0o660);
  const headers = { "upload-complete": "?1", "upload-draft-interop-version": "8" };
  const made = await ask("/v1/files", headers, "hello");
  expect([made.status, made.interim > 0]).toEqual([201, true]);
  const { url } = JSON.parse(made.text);
  expect(await (await fetch(new URL(url, server.url))).text()).toBe("hello");
  // A proxy's mark counts here too.
  const marked = await ask("/v1/files", { ...headers, "x-forwarded-for": "192.0.2.1" }, "hello");
  expect([marked.status, marked.interim]).toEqual([201, 0]);
});

it("is never there for others, whatever the mask of the process is", async () => {
  const before = process.umask(0);
  try {
    const server = createServer();
    // The rights that it is made with: before they are set.
    const made = new Promise<number>((resolve) => {
      server.once("listening", () => resolve(statSync(socket).mode & 0o777));
    });
    await listenLocally(server, socket, () => undefined);
    expect(await made).toBe(0o770);
    expect(process.umask()).toBe(0);
    expect((await stat(socket)).mode & 0o777).toBe(0o660);
    await new Promise((resolve) => server.close(resolve));
  } finally {
    process.umask(before);
  }
});

it("is believed like a proxy where it is named as one, and nowhere else", async () => {
  const heard: unknown[] = [];
  const log = (_: string, __: string, fields?: { readonly from?: unknown }) => {
    if (fields?.from !== undefined) heard.push(fields.from);
  };
  const headers = {
    ...{ "x-forwarded-for": "192.0.2.1, 198.51.100.7", authorization: `Bearer ${TOKEN}` },
  };
  const plain = await start("data", { token: TOKEN, log });
  await ask("/v1/files", headers);
  await plain.close();
  const named = await start("data", { token: TOKEN, proxies: ["unix"], log });
  await ask("/v1/files", headers);
  expect(heard).toEqual(["unix", "198.51.100.7"]);
  // It is a proxy without a mark then, too: nobody knows what becomes of interim responses behind it.
  const resumable = { "upload-complete": "?1", "upload-draft-interop-version": "8" };
  const { authorization } = headers;
  const made = await ask("/v1/files", { authorization, ...resumable }, "hello");
  expect([made.status, made.interim]).toEqual([201, 0]);
  // Over TCP the same server believes nobody.
  await fetch(new URL("/v1/files", named.url), { headers });
  expect(heard.at(-1)).toBe("127.0.0.1");
});

it("must be there where it is named", async () => {
  const nowhere = { token: TOKEN, proxies: ["unix"], socket: undefined };
  await expect(start("data", nowhere)).rejects.toMatchObject({ code: "usage" });
});

it("is gone with the server, and asks for a token where the server does", async () => {
  const server = await start("data", { token: TOKEN });
  expect((await ask("/v1/files")).status).toBe(401);
  await server.close();
  await expect(stat(socket)).rejects.toMatchObject({ code: "ENOENT" });
});

it("is taken over from a process that was killed, and from nobody who listens", async () => {
  const left = spawn(
    process.execPath,
    ["-e", `require("net").createServer().listen(${JSON.stringify(socket)}, () => console.log(1))`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(left.stdout, "data");
  await expect(start()).rejects.toMatchObject({ code: "address_in_use" });
  left.kill("SIGKILL");
  await once(left, "exit");
  await start();
  expect((await ask("/livez")).status).toBe(200);
  await expect(start("other")).rejects.toMatchObject({ code: "address_in_use" });
  expect((await ask("/livez")).status).toBe(200);
});

it("does not replace what is no socket", async () => {
  await writeFile(socket, "kept");
  await expect(start()).rejects.toMatchObject({ code: "address_in_use" });
  expect((await stat(socket)).size).toBe(4);
  const nowhere = { socket: join(directory, "none", "front.sock") };
  await expect(start("data", nowhere)).rejects.toMatchObject({ code: "usage" });
});
