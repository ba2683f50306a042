// What goes wrong below requests: broken framing, bodies that stop, clients that leave, connections that go on.
import { existsSync, readFileSync } from "node:fs";
import { createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import { decodeUpload, KIB, MIB, type UploadView } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  ask,
  askJson,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
  type TestServer,
} from "./server.fixture.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const CONTENT = Buffer.alloc(2 * MIB, "holdfast ");

async function create(size = CONTENT.length): Promise<UploadView> {
  const body = { name: "a.bin", size, partSize: 256 * KIB };
  return decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
}

async function status(view: UploadView) {
  return decodeUpload((await ask(server, { path: `/v1/uploads/${view.id}` })).json);
}

it.skipIf(!existsSync("/proc/net/tcp"))(
  "the kernel asks after a client who is sent nothing and may have vanished",
  async () => {
    const view = await create();
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: `/v1/uploads/${view.id}/content?follow=1` }));
    await raw.until("\r\n\r\n");
    const port = server.port.toString(16).toUpperCase().padStart(4, "0");
    // State 01 is an established connection, timer 02 that of keepalive.
    const timers = () =>
      readFileSync("/proc/net/tcp", "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === "01")
        .map((fields) => fields[5]?.slice(0, 2));
    await expect.poll(timers).toEqual(["02"]);
    raw.socket.destroy();
  },
);

function putHead(view: UploadView, run: readonly [number, number], more: object = {}): string {
  const request = putRequest(view, CONTENT, run);
  const size = String(request.body.length);
  return rawHead({ ...request, headers: { ...request.headers, "content-length": size, ...more } });
}

describe("requests that are no HTTP", () => {
  it.each([
    ["no request at all", "hello\r\n\r\n", 400],
    ["a method nobody knows", "FLY / HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a space in a name", "GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n", 400],
    ["a control character", "GET / HTTP/1.1\r\nHost: a\r\nA: b\x01c\r\n\r\n", 400],
    ["a bare line feed in a value", "GET / HTTP/1.1\r\nHost: a\r\nA: b\nc\r\n\r\n", 400],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400],
    [
      "two sizes",
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      400,
    ],
    ["a negative size", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400],
    ["a size that is no number", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400],
    [
      "a size and chunks",
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
    ["HTTP/2's opening", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["headers above 64 KiB", `GET / HTTP/1.1\r\nHost: a\r\nA: ${"b".repeat(66_000)}\r\n\r\n`, 431],
  ])("%s", async (_name, bytes, expected) => {
    const raw = await openRaw(server);
    raw.socket.write(bytes);
    const { text } = await raw.ended();
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${expected} `));
    expect(text).toContain("application/problem+json");
    expect(text).toContain("holdfast-version: 1");
    expect(text.toLowerCase()).toContain("connection: close");
    expect((await ask(server, { path: "/livez" })).status).toBe(200);
  });

  it("takes headers of nearly 64 KiB", async () => {
    const headers = { a: "b".repeat(60 * KIB) };
    expect((await ask(server, { path: "/livez", headers })).status).toBe(200);
  });

  it("breaks off a body whose chunks are broken, and answers", async () => {
    const view = await create();
    const { headers, path } = putRequest(view, CONTENT, [0, 1]);
    const raw = await openRaw(server);
    raw.socket.write(
      rawHead({ method: "PUT", path, headers: { ...headers, "transfer-encoding": "chunked" } }),
    );
    raw.socket.write("3\r\nabc\r\n");
    await untilWaiting();
    raw.socket.write("zz\r\n");
    expect(await raw.until("\r\n\r\n{")).toMatch(/^HTTP\/1\.1 400 .*invalid_request/s);
  });
});

async function untilWaiting(): Promise<void> {
  while (server.timers() === 0) await new Promise((resolve) => setImmediate(resolve));
}

describe("a reply that has begun", () => {
  it.each([
    ["the end of the connection in the middle of the next request", "GET /livez HTTP/1.1\r\nHo"],
    ["garbage", "\u0000garbage\r\n\r\n"],
  ])("is the last one where %s comes behind it", async (_name, behind) => {
    const view = await create();
    expect((await ask(server, putRequest(view, CONTENT, [0, 8]))).status).toBe(200);
    const done = await ask(server, { method: "POST", path: `/v1/uploads/${view.id}/complete` });
    const { file } = decodeUpload(done.json);
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: file?.url ?? "" }));
    await raw.until("200 OK");
    raw.socket.end(behind);
    const { text } = await raw.ended();
    expect(text.length).toBeGreaterThan(CONTENT.length);
  });
});

describe("addresses", () => {
  it.each([
    ["/v1/uploads/%zz", 404, "route_not_found"],
    ["/v1/uploads/%c3", 404, "route_not_found"],
    ["/v1/uploads/..%2f..%2fetc", 404, "upload_not_found"],
    ["/v1/uploads/AAAAAAAAAAAAAAAAAAAAAAAAAA", 404, "upload_not_found"],
    ["/v1/files/x%00y", 404, "file_not_found"],
    ["/v1/uploads/", 404, "upload_not_found"],
    ["/v1//uploads", 404, "route_not_found"],
    ["/v1/uploads/a/b", 404, "route_not_found"],
    ["*", 404, "route_not_found"],
  ])("%s", async (path, expected, code) => {
    const raw = await openRaw(server);
    raw.socket.end(rawHead({ path, headers: { connection: "close" } }));
    const answer = await ask(server, { path });
    expect(answer.status).toBe(expected);
    expect(answer.json).toMatchObject({ code });
  });

  it("may carry an origin in front", async () => {
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: "http://elsewhere.example/livez" }));
    expect(await raw.until('{"status":"ok"}')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("never show up in an answer with another host than they have", async () => {
    const headers = { host: "evil.example", "content-type": "application/json" };
    const body = JSON.stringify({ name: "a", size: 1 });
    const made = await ask(server, { method: "POST", path: "/v1/uploads", headers, body });
    expect(made.headers.location).toBe(`/v1/uploads/${decodeUpload(made.json).id}`);
    const page = await ask(server, { path: "/", headers });
    expect(page.bytes.toString() + JSON.stringify(page.headers)).not.toContain("evil");
  });
});

describe("methods", () => {
  it("are listed where another one is taken", async () => {
    const answer = await ask(server, { method: "PUT", path: "/v1/files/a" });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe("GET, HEAD, DELETE");
  });
});

describe("bodies", () => {
  it.each([
    ["not JSON", "{", { "content-type": "application/json" }],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0x22]), { "content-type": "application/json" }],
    ["no object", "[]", { "content-type": "application/json" }],
    ["empty", "", { "content-type": "application/json" }],
    ["of another type", '{"name":"a","size":1}', { "content-type": "text/plain" }],
    ["of no type", '{"name":"a","size":1}', {}],
    ["encoded", "x", { "content-type": "application/json", "content-encoding": "gzip" }],
    ["too large", `{"name":"${"a".repeat(64 * KIB)}"}`, { "content-type": "application/json" }],
  ])("%s", async (_name, body, headers) => {
    const answer = await ask(server, { method: "POST", path: "/v1/uploads", headers, body });
    expect(answer.json).toMatchObject({ code: "invalid_request", status: 400 });
  });

  it("that are too large are refused without their size too", async () => {
    const headers = { "content-type": "application/json", "transfer-encoding": "chunked" };
    const body = `{"name":"${"a".repeat(64 * KIB)}"}`;
    const answer = await ask(server, { method: "POST", path: "/v1/uploads", headers, body });
    expect(answer.json).toMatchObject({ code: "invalid_request" });
  });

  it("keep `__proto__` in metadata as any other name", async () => {
    const body = '{"name":"a","size":1,"metadata":{"__proto__":"x"}}';
    const headers = { "content-type": "application/json" };
    const made = await ask(server, { method: "POST", path: "/v1/uploads", headers, body });
    expect(made.status).toBe(201);
    expect(decodeUpload(made.json).metadata.get("__proto__")).toBe("x");
  });

  it("keep every control in metadata, and refuse them in names and types", async () => {
    const headers = { "content-type": "application/json" };
    const post = (body: object) =>
      ask(server, { method: "POST", path: "/v1/uploads", headers, body: JSON.stringify(body) });
    const controls = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code)).join("");
    const text = `${controls}\u007f\u0085\u2028`;
    const made = await post({ name: "a", size: 1, metadata: { [text]: text } });
    expect(made.status).toBe(201);
    expect(decodeUpload(made.json).metadata.get(text)).toBe(text);
    for (const control of ["\u0000", "\u0007", "\u001b", "\r", "\n", "\u007f", "\u0085"]) {
      const name = await post({ name: `a${control}`, size: 1 });
      expect([name.status, name.json["field"]]).toEqual([400, "name"]);
      const type = await post({ name: "a", size: 1, type: `a/b${control}` });
      expect([type.status, type.json["field"]]).toEqual([400, "type"]);
    }
  });

  it("may be absent in complete", async () => {
    const view = await create(0);
    expect(view.state).toBe("complete");
    const path = `/v1/uploads/${view.id}/complete`;
    expect((await ask(server, { method: "POST", path })).status).toBe(200);
    expect((await askJson(server, "POST", path, {})).status).toBe(200);
  });

  it("of a run may come in chunks; one byte too many is an error, and keeps the parts", async () => {
    const view = await create();
    const request = putRequest(view, CONTENT, [0, 2]);
    const headers = { ...request.headers, "transfer-encoding": "chunked" };
    expect((await ask(server, { ...request, headers })).json).toMatchObject({ committed: 2 });
    const more = putRequest(view, CONTENT, [2, 4]);
    const body = Buffer.concat([more.body, Buffer.from("x")]);
    const answer = await ask(server, {
      ...more,
      headers: { ...more.headers, "transfer-encoding": "chunked" },
      body,
    });
    expect(answer.json).toMatchObject({ code: "body_size_mismatch" });
    expect((await status(view)).offset).toBeGreaterThanOrEqual(3 * 256 * KIB);
  });

  it("that are encoded are refused for parts too", async () => {
    const view = await create();
    const request = putRequest(view, CONTENT, [0, 1]);
    const headers = { ...request.headers, "content-encoding": "gzip" };
    expect((await ask(server, { ...request, headers })).json).toMatchObject({
      field: "content-encoding",
    });
  });
});

describe("a body that is cut", () => {
  it("keeps the whole parts before the cut", async () => {
    const view = await create();
    const raw = await openRaw(server);
    raw.socket.write(putHead(view, [0, 4]));
    raw.socket.write(CONTENT.subarray(0, 600 * KIB));
    raw.socket.end();
    expect(await raw.until("\r\n\r\n{")).toMatch(/^HTTP\/1\.1 400 .*body_size_mismatch/s);
    expect((await status(view)).offset).toBe(2 * 256 * KIB);
  });

  it("does so too when nobody is left to be answered", async () => {
    const view = await create();
    const raw = await openRaw(server);
    raw.socket.write(putHead(view, [0, 4]));
    raw.socket.write(CONTENT.subarray(0, 300 * KIB));
    while ((await status(view)).offset === 0) {
      raw.socket.resetAndDestroy();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await status(view)).offset).toBe(256 * KIB);
    expect(server.logged.filter(({ event }) => event === "internal error")).toEqual([]);
  });

  it("stalls: 408, the whole parts stay", async () => {
    const view = await create();
    const raw = await openRaw(server);
    raw.socket.write(putHead(view, [0, 4]));
    raw.socket.write(CONTENT.subarray(0, 300 * KIB));
    await untilWaiting();
    // The first look that finds no new byte may be the seventh: the bytes above may have come after the timer began.
    while (!raw.text().includes("\r\n\r\n{")) {
      server.clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(raw.text()).toMatch(/^HTTP\/1\.1 408 .*connection: close.*body_stalled/s);
  });
});

describe("a request refused while its body comes", () => {
  it("is answered at once, and the answer survives", async () => {
    const view = await create(64 * MIB);
    const raw = await openRaw(server);
    const size = String(64 * MIB);
    const path = `/v1/uploads/${view.id}/parts/9999`;
    const { headers } = putRequest(view, CONTENT, [0, 1]);
    raw.socket.write(
      rawHead({ method: "PUT", path, headers: { ...headers, "content-length": size } }),
    );
    raw.socket.write(CONTENT);
    const text = await raw.until("\r\n\r\n{");
    expect(text).toMatch(/^HTTP\/1\.1 400 .*connection: close.*part_out_of_range/s);
    expect(raw.socket.readyState).toBe("open");
    // What still comes is read and dropped, up to a limit, before the connection closes.
    raw.socket.write(CONTENT);
    server.clock.advance(2_000);
    expect((await raw.ended()).error).toBeUndefined();
  });

  it("closes when more comes than is worth reading", async () => {
    const raw = await openRaw(server);
    const headers = { "content-length": String(1024 * MIB) };
    raw.socket.write(rawHead({ method: "PUT", path: "/nowhere", headers }));
    const push = () => {
      while (!raw.socket.destroyed && raw.socket.writable && raw.socket.write(CONTENT));
    };
    raw.socket.on("drain", push);
    push();
    expect((await raw.ended()).text).toContain("route_not_found");
    expect(raw.socket.bytesWritten).toBeLessThan(64 * MIB);
  });

  it("keeps the connection where the body has arrived", async () => {
    const raw = await openRaw(server);
    const headers = { "content-length": "2" };
    raw.socket.write(`${rawHead({ method: "PUT", path: "/nowhere", headers })}ab`);
    await raw.until("route_not_found");
    raw.socket.write(rawHead({ path: "/livez" }));
    const text = await raw.until('{"status":"ok"}');
    expect(text.toLowerCase()).not.toContain("connection: close");
  });
});

describe("Expect: 100-continue", () => {
  it("asks for the body when it is wanted", async () => {
    const view = await create();
    const raw = await openRaw(server);
    raw.socket.write(putHead(view, [0, 1], { expect: "100-continue" }));
    expect(await raw.until("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    raw.socket.write(putRequest(view, CONTENT, [0, 1]).body);
    expect(await raw.until('"committed":1')).toContain("HTTP/1.1 200 OK");
  });

  it("never asks for a body that is refused", async () => {
    const view = await create();
    const raw = await openRaw(server);
    raw.socket.write(putHead(view, [0, 1], { "content-length": "5", expect: "100-continue" }));
    const text = await raw.until("\r\n\r\n{");
    expect(text).toMatch(/^HTTP\/1\.1 400 .*body_size_mismatch/s);
    raw.socket.end();
  });

  it("passes over an expectation that it does not know", async () => {
    const answer = await ask(server, { path: "/livez", headers: { expect: "miracles" } });
    expect(answer.status).toBe(200);
  });
});

describe("a connection", () => {
  it("from where nobody may connect is cut before it has said anything", async () => {
    const asked: string[] = [];
    const mayConnect = (address: string) => asked.push(address) > 1;
    const other = await startTestServer({ http: { mayConnect } });
    const raw = await openRaw(other);
    expect((await raw.ended()).text).toBe("");
    expect((await ask(other, { path: "/livez" })).status).toBe(200);
    expect(asked).toEqual(["127.0.0.1", "127.0.0.1"]);
    await other.close();
  });

  it("serves on after errors, in order", async () => {
    const raw = await openRaw(server);
    raw.socket.write(
      rawHead({ path: "/nowhere" }) +
        rawHead({ method: "HEAD", path: "/livez" }) +
        rawHead({ path: "/livez" }),
    );
    const text = await raw.until('{"status":"ok"}');
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)).toEqual([
      "404",
      "200",
      "200",
    ]);
  });

  it("that sends request after request without waiting for answers is cut", async () => {
    const slots = createSlotPool(SLOT_SIZE);
    const slot = await slots.take();
    const other = await startTestServer({ parts: { slots } });
    // So small that all of it is here at once, and the next request behind it.
    const body = { name: "a", size: 5 };
    const view = decodeUpload((await askJson(other, "POST", "/v1/uploads", body)).json);
    const { body: bytes, ...head } = putRequest(view, CONTENT, [0, 1]);
    const raw = await openRaw(other);
    const headers = { ...head.headers, "content-length": String(bytes.length) };
    raw.socket.write(rawHead({ ...head, headers }));
    raw.socket.write(bytes);
    raw.socket.write(rawHead({ path: "/livez" }).repeat(100));
    expect((await raw.ended()).text).toBe("");
    expect((await ask(other, { path: "/livez" })).status).toBe(200);
    slots.give(slot);
    await other.close();
  });

  it("may carry any number of requests one after another, and a few ahead", async () => {
    const raw = await openRaw(server);
    let replies = 0;
    raw.socket.on("data", (piece) => {
      replies += piece.toString().split("HTTP/1.1 200").length - 1;
    });
    for (let wanted = 3; wanted <= 60; wanted += 3) {
      raw.socket.write(rawHead({ method: "HEAD", path: "/livez" }).repeat(3));
      while (replies < wanted) await new Promise((resolve) => setImmediate(resolve));
    }
    raw.socket.destroy();
  });

  it("closes after the reply in flight when the server is closing", async () => {
    const raw = await openRaw(server);
    server.beginClosing();
    raw.socket.write(rawHead({ path: "/readyz" }));
    const { text } = await raw.ended();
    expect(text).toMatch(/^HTTP\/1\.1 503 .*connection: close.*shutting_down/s);
  });
});
