// Reading an upload before it is a file, over real connections: what is there, what comes, and every way in which it may end.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectH2 } from "node:http2";
import { decodeUpload, equalBytes, KIB, type UploadView } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { createRequest } from "@holdfast/testkit/world";
import { afterEach, describe, expect, it } from "vitest";
import { createTokenPolicy } from "../../policy/policy.ts";
import type { TokenEntry } from "../../policy/table.ts";
import { makeToken } from "../../policy/token.ts";
import {
  type Answer,
  ask,
  askJson,
  declines,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "../server.fixture.ts";

const PART = 256 * KIB;
const CONTENT = Buffer.from(createRandom("live").bytes(2 * PART + 5000));
const OWNER = { id: "local", tenant: "local", grant: "open" };

let server: TestServer;
afterEach(() => server.close());

async function begin(options?: TestServerOptions): Promise<UploadView> {
  server = await startTestServer(options);
  const body = { name: "é.webm", type: "video/webm", size: CONTENT.length, partSize: PART };
  return decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
}

function content(
  view: UploadView,
  headers: Record<string, string> = {},
  query = "",
): Promise<Answer> {
  return ask(server, { path: `/v1/uploads/${view.id}/content${query}`, headers });
}

async function complete(view: UploadView): Promise<void> {
  const answer = await ask(server, { method: "POST", path: `/v1/uploads/${view.id}/complete` });
  expect(answer.status).toBe(200);
}

interface Following {
  readonly response: IncomingMessage;
  /** Resolves when so many bytes are there. */
  has(size: number): Promise<Uint8Array>;
  /** Resolves with how it ended. */
  readonly ended: Promise<"end" | "cut">;
  leave(): void;
}

async function follow(view: UploadView, headers: Record<string, string> = {}): Promise<Following> {
  const path = `/v1/uploads/${view.id}/content?follow=1`;
  const options = { host: "127.0.0.1", port: server.port, path, headers, agent: false as const };
  const sending = httpRequest(options);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sending.on("response", resolve).on("error", reject).end();
  });
  sending.on("error", () => undefined);
  let bytes = Buffer.alloc(0);
  let wake: () => void = () => undefined;
  response.on("data", (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece]);
    wake();
  });
  const ended = new Promise<"end" | "cut">((resolve) => {
    response.on("end", () => resolve("end"));
    response.on("error", () => resolve("cut"));
  });
  const has = async (size: number) => {
    while (bytes.length < size) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return bytes;
  };
  return { response, has, ended, leave: () => sending.destroy() };
}

describe("GET /v1/uploads/{id}/content", () => {
  it("serves what is committed, as what it is", async () => {
    const view = await begin();
    await ask(server, putRequest(view, CONTENT, [0, 1]));
    const { status, headers, bytes } = await content(view);
    expect(status).toBe(200);
    expect(equalBytes(bytes, CONTENT.subarray(0, PART))).toBe(true);
    expect(headers).toMatchObject({
      "content-length": String(PART),
      "content-type": "video/webm",
      "content-disposition": expect.stringContaining("filename*=UTF-8''%C3%A9.webm"),
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      "upload-offset": String(PART),
      "upload-complete": "?0",
      "upload-length": String(CONTENT.length),
    });
    // The next one is longer: no tag could stand for both.
    expect([headers.etag, headers["last-modified"]]).toEqual([undefined, undefined]);
  });

  it("serves one range, and as much of it as there is", async () => {
    const view = await begin();
    await ask(server, putRequest(view, CONTENT, [0, 1]));
    const { status, headers, bytes } = await content(view, {
      range: `bytes=1000-${CONTENT.length}`,
    });
    expect([status, headers["content-range"]]).toEqual([
      ...[206, `bytes 1000-${PART - 1}/${CONTENT.length}`],
    ]);
    expect(equalBytes(bytes, CONTENT.subarray(1000, PART))).toBe(true);
    const refused = await content(view, { range: `bytes=${PART}-` });
    expect([refused.status, refused.headers["content-range"], refused.json["offset"]]).toEqual([
      ...[416, `bytes */${CONTENT.length}`, PART],
    ]);
  });

  it("goes by its tag for as long as it stands, and never says that a client has it already", async () => {
    const view = await begin();
    await ask(server, putRequest(view, CONTENT, [0, 1]));
    const { headers } = await content(view, { range: "bytes=0-9" });
    const etag = String(headers.etag);
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    await ask(server, putRequest(view, CONTENT, [1, 2]));
    const again = await content(view, { range: "bytes=5-9", "if-range": etag, "if-match": etag });
    expect([again.status, again.headers.etag]).toEqual([206, etag]);
    expect((await content(view, { range: "bytes=5-9", "if-range": '"x"' })).status).toBe(200);
    const date = "Sat, 01 Jan 2101 00:00:00 GMT";
    expect((await content(view, { range: "bytes=5-9", "if-range": date })).status).toBe(200);
    expect((await content(view, { "if-match": '"x"' })).json["code"]).toBe("precondition_failed");
    for (const never of [{ "if-none-match": etag }, { "if-modified-since": date }]) {
      expect((await content(view, never)).status).toBe(200);
    }
  });

  it("is the file once there is one, which it names, under the same tag", async () => {
    const view = await begin();
    await ask(server, putRequest(view, CONTENT, [0, 3]));
    const etag = String((await content(view, { range: "bytes=0-9" })).headers.etag);
    await complete(view);
    for (const query of ["", "?follow=1"]) {
      const whole = await content(view, {}, query);
      expect([whole.status, whole.headers["content-length"]]).toEqual([
        200,
        String(CONTENT.length),
      ]);
      expect(equalBytes(whole.bytes, CONTENT)).toBe(true);
      expect(whole.headers).toMatchObject({ etag, "upload-complete": "?1" });
      const file = await ask(server, { path: String(whole.headers["content-location"]) });
      expect(equalBytes(file.bytes, CONTENT)).toBe(true);
    }
    expect((await content(view, { "if-none-match": etag })).status).toBe(304);
  });

  it("answers HEAD with what GET would say, and without waiting for anything", async () => {
    const view = await begin();
    await ask(server, putRequest(view, CONTENT, [0, 1]));
    const path = `/v1/uploads/${view.id}/content`;
    const head = await ask(server, { method: "HEAD", path });
    expect([head.status, head.headers["content-length"]]).toEqual([200, String(PART)]);
    expect((await ask(server, { method: "HEAD", path: `${path}?follow=1` })).status).toBe(200);
  });

  it("is 410 once the upload has ended without a file", async () => {
    const view = await begin();
    await server.engine.abort(OWNER, view.id);
    expect((await content(view)).json["code"]).toBe("upload_ended");
  });
});

describe("who may read it", () => {
  const table = new Map<string, TokenEntry>();
  const random = createRandom("readers");
  function tokenOf(scopes: TokenEntry["scopes"], tenant = "local"): Record<string, string> {
    const { id, hash, text } = makeToken(random);
    const who = { name: "", tenant, principal: `of ${scopes.join()}`, createdAt: 0 };
    table.set(id, { id, hash, ...who, scopes });
    return { authorization: `Bearer ${text}` };
  }
  const writer = tokenOf(["write"]);
  const reader = tokenOf(["read"]);
  const stranger = tokenOf(["admin"], "elsewhere");

  async function beginAs(): Promise<UploadView> {
    server = await startTestServer({
      parts: { policy: createTokenPolicy({ tokens: () => table }) },
    });
    const made = await ask(server, {
      method: "POST",
      path: "/v1/uploads",
      headers: { ...writer, "content-type": "application/json" },
      body: JSON.stringify({ name: "a", size: CONTENT.length, partSize: PART }),
    });
    const view = decodeUpload(made.json);
    const put = putRequest(view, CONTENT, [0, 1]);
    await ask(server, { ...put, headers: { ...put.headers, ...writer } });
    return view;
  }

  it("is who has the right to read: that one cannot write, and who can write cannot read", async () => {
    const view = await beginAs();
    expect((await content(view, reader)).status).toBe(200);
    const refused = await content(view, writer);
    expect([refused.status, refused.json["scope"]]).toEqual([403, "read"]);
    const put = putRequest(view, CONTENT, [1, 2]);
    const tried = await ask(server, { ...put, headers: { ...put.headers, ...reader } });
    expect(tried.status).toBe(403);
  });

  it("is nobody of another tenant, followed or not: there is no such upload", async () => {
    const view = await beginAs();
    const unknown = { ...view, id: "aaaaaaaaaaaaaaaaaaaaaaaaaa" as UploadView["id"] };
    for (const query of ["", "?follow=1"]) {
      const theirs = await content(view, { ...stranger, range: "bytes=9999999-" }, query);
      expect([theirs.status, theirs.json]).toEqual([
        404,
        (await content(unknown, stranger, query)).json,
      ]);
    }
  });

  it("is cut off with the next bytes once the right is gone", async () => {
    const view = await beginAs();
    const short = tokenOf(["read"]);
    const following = await follow(view, short);
    await following.has(PART);
    table.delete([...table.keys()].at(-1) ?? "");
    server.clock.advance(5000);
    const put = putRequest(view, CONTENT, [1, 2]);
    await ask(server, { ...put, headers: { ...put.headers, ...writer } });
    expect(await following.ended).toBe("cut");
    expect((await following.has(0)).length).toBe(PART);
  });

  it("is cut off once the right is gone, although nothing comes any more", async () => {
    const view = await beginAs();
    const following = await follow(view, tokenOf(["read"]));
    await following.has(PART);
    table.delete([...table.keys()].at(-1) ?? "");
    let isCut = false;
    following.ended.then(() => {
      isCut = true;
    });
    for (let tenth = 0; tenth < 150 && !isCut; tenth++) {
      server.clock.advance(100);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(isCut).toBe(true);
    expect((await following.has(0)).length).toBe(PART);
  });
});

describe("?follow=1", () => {
  it("goes on as bytes are committed, and ends with the file", async () => {
    const view = await begin();
    // Its head is there before any byte is.
    const following = await follow(view);
    const { statusCode, headers } = following.response;
    expect([statusCode, headers["content-length"], headers["x-accel-buffering"]]).toEqual([
      ...[200, undefined, "no"],
    ]);
    await ask(server, putRequest(view, CONTENT, [0, 1]));
    await following.has(PART);
    await ask(server, putRequest(view, CONTENT, [1, 3]));
    const bytes = await following.has(CONTENT.length);
    expect(equalBytes(bytes, CONTENT)).toBe(true);
    await complete(view);
    expect(await following.ended).toBe("end");
  });

  it("answers what players ask first with all of it, and tells of no ranges: they would look at its end", async () => {
    const view = await begin();
    const body = { name: "a", maxSize: 10 * PART };
    const unsized = decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
    for (const growing of [view, unsized]) {
      const { response, leave } = await follow(growing, { range: "bytes=0-" });
      expect([response.statusCode, response.headers["accept-ranges"]]).toEqual([200, undefined]);
      leave();
    }
    const later = await follow(view, { range: `bytes=${PART}-` });
    expect([later.response.statusCode, later.response.headers["content-range"]]).toEqual([
      ...[206, `bytes ${PART}-${CONTENT.length - 1}/${CONTENT.length}`],
    ]);
    later.leave();
  });

  it("ends as an error where there will be no file, although every byte came", async () => {
    const view = await begin();
    await ask(server, putRequest(view, CONTENT, [0, 3]));
    const followers = await Promise.all([follow(view), follow(view, { range: "bytes=0-" })]);
    for (const following of followers) await following.has(CONTENT.length);
    await server.engine.abort(OWNER, view.id);
    for (const following of followers) expect(await following.ended).toBe("cut");
    const told = server.logged.filter(({ event }) => event === "download failed");
    expect(told.map(({ level }) => level)).toEqual(["info", "info"]);
  });

  it("over HTTP/1.0, where the end of the connection is that of the body, ends with a reset then", async () => {
    if (declines("fetch", "how a connection ends is its host's")) return;
    const view = await begin();
    await ask(server, putRequest(view, CONTENT, [0, 1]));
    const path = `/v1/uploads/${view.id}/content?follow=1`;
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path }).replace("HTTP/1.1", "HTTP/1.0"));
    await raw.until(CONTENT.subarray(PART - 20, PART).toString("latin1"));
    await server.engine.abort(OWNER, view.id);
    expect((await raw.ended()).error).toBe("ECONNRESET");
  });

  it("over HTTP/2 ends as an error, too", async () => {
    if (declines("fetch", "HTTP/2 is its host's")) return;
    server = await startTestServer({ isH2: true });
    const view = await server.engine.create(OWNER, createRequest(CONTENT.length));
    const session = connectH2(`http://127.0.0.1:${server.port}`);
    session.on("error", () => undefined);
    const stream = session.request({ ":path": `/v1/uploads/${view.id}/content?follow=1` });
    stream.on("error", () => undefined);
    await new Promise((resolve) => stream.once("response", resolve));
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.resume();
    await server.engine.abort(OWNER, view.id);
    await closed;
    expect(stream.rstCode).not.toBe(0);
    session.destroy();
  });

  it("of somebody who leaves ends quietly", async () => {
    const view = await begin();
    const following = await follow(view);
    following.leave();
    while ((await server.connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(server.logged.filter(({ event }) => event !== "request")).toEqual([]);
  });

  it("ends when the server closes", async () => {
    const view = await begin();
    const following = await follow(view);
    server.beginClosing();
    await server.engine.drain(0);
    expect(await following.ended).toBe("cut");
  });
});
