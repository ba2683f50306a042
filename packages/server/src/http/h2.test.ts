// HTTP/2 on a real server: in the clear on its own port, and over TLS beside HTTP/1.1; bodies, cuts, interim responses, windows, the end.
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeUpload, encodeDigest, MIB } from "@holdfast/protocol";
import { makeCertificate } from "@holdfast/testkit/certificate";
import { createRandom } from "@holdfast/testkit/random";
import { sha256 } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningServer, serve } from "../index.ts";

const content = Buffer.from(createRandom("HTTP/2").bytes(5 * MIB + 77));
const INTEROP = { "upload-draft-interop-version": "8" };

let directory: string;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-h2-"));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(directory, { recursive: true });
});

async function start(more: object = {}): Promise<RunningServer> {
  const dataDir = join(directory, "data");
  const server = await serve({ dataDir, port: 0, h2cPort: 0, log: () => undefined, ...more });
  ends.push(server.close);
  return server;
}

async function open(
  url: string,
  options: ClientSessionOptions | SecureClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, options);
  session.on("error", () => undefined);
  await new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve());
    session.once("error", reject);
  });
  ends.push(() => session.destroy());
  return session;
}

const clear = ({ h2cPort }: RunningServer): Promise<ClientHttp2Session> =>
  open(`http://127.0.0.1:${h2cPort}`);

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly interim: readonly IncomingHttpHeaders[];
  readonly bytes: Buffer;
}

type Fields = Readonly<Record<string, string>>;

function begin(session: ClientHttp2Session, method: string, path: string, headers: Fields) {
  return session.request(
    { ":method": method, ":path": path, ...headers },
    // A body may come, also where there is none in the end.
    { endStream: method === "GET" || method === "HEAD" || method === "DELETE" },
  );
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const interim: IncomingHttpHeaders[] = [];
  const pieces: Buffer[] = [];
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    stream.on("headers", (one) => interim.push(one));
    stream.on("response", (one) => {
      headers = one;
    });
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("error", reject);
    stream.on("end", () => {
      const bytes = Buffer.concat(pieces);
      resolve({ status: Number(headers[":status"]), headers, interim, bytes });
    });
  });
}

function ask(
  session: ClientHttp2Session,
  method: string,
  path: string,
  headers: Fields = {},
  body?: Uint8Array,
): Promise<Answer> {
  const stream = begin(session, method, path, headers);
  const answer = answerOf(stream);
  if (!stream.writableEnded) stream.end(body);
  return answer;
}

const json = ({ bytes }: Answer): Record<string, unknown> => JSON.parse(bytes.toString());

describe("HTTP/2 in the clear", () => {
  it("takes a file and gives it back, whole and in ranges, many at once", async () => {
    const session = await clear(await start());
    const made = await ask(session, "POST", "/v1/files", { "upload-complete": "?1" }, content);
    expect(made.status).toBe(201);
    const url = String(made.headers.location);
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        ask(session, "GET", url, at % 2 ? { range: `bytes=${at}-${at + 99}` } : {}),
      ),
    );
    for (const [at, { status, bytes }] of all.entries()) {
      expect(status).toBe(at % 2 ? 206 : 200);
      expect(bytes.equals(at % 2 ? content.subarray(at, at + 100) : content)).toBe(true);
    }
    const head = await ask(session, "HEAD", url);
    expect([head.status, head.headers["content-length"]]).toEqual([200, String(content.length)]);
    expect((await ask(session, "GET", "/nothing")).status).toBe(404);
  });

  it("gives out links and public files, and tells caches the same as over HTTP/1.1", async () => {
    const session = await clear(await start());
    const made = await ask(session, "POST", "/v1/files", { "upload-complete": "?1" }, content);
    const url = String(made.headers.location);
    const kept = ({ status, headers }: Answer) => [status, headers["cache-control"]];
    const own = await ask(session, "POST", `${url}/links`);
    const { id: link, url: linked } = json(own);
    const some = await ask(session, "GET", String(linked), { range: "bytes=5-9" });
    expect([...kept(some), some.bytes]).toEqual([
      206,
      "private, no-cache",
      content.subarray(5, 10),
    ]);
    expect((await ask(session, "DELETE", `${url}/links/${link}`)).status).toBe(204);
    expect(kept(await ask(session, "GET", String(linked)))).toEqual([403, "no-store"]);
    const id = url.split("/").at(-1);
    expect(kept(await ask(session, "GET", `/public/${id}`))).toEqual([404, "no-store"]);
    expect(json(await ask(session, "PUT", `${url}/public`))).toEqual({ url: `/public/${id}` });
    const whole = await ask(session, "GET", `/public/${id}`, { "holdfast-verify": "?1" });
    const forAYear = "public, max-age=31536000, immutable";
    expect([...kept(whole), whole.bytes.equals(content)]).toEqual([200, forAYear, true]);
    for (const [method, headers, status] of [
      ["HEAD", {}, 200],
      ["GET", { "if-none-match": String(whole.headers.etag) }, 304],
      ["GET", { range: "bytes=0-0,9-9" }, 206],
    ] as const) {
      const answer = await ask(session, method, `/public/${id}`, headers);
      expect(kept(answer)).toEqual([status, forAYear]);
    }
    const none = await ask(session, "GET", `/public/${id}`, { range: "bytes=99999999-" });
    expect(kept(none)).toEqual([416, "no-store"]);
    expect((await ask(session, "DELETE", `${url}/public`)).status).toBe(204);
    const gone = await ask(session, "GET", `/public/${id}/manifest`);
    expect(kept(gone)).toEqual([404, "no-store"]);
  });

  it("takes parts and runs, and answers JSON", async () => {
    const session = await clear(await start());
    const type = { "content-type": "application/json" };
    const body = Buffer.from(JSON.stringify({ name: "a", size: content.length }));
    const view = decodeUpload(json(await ask(session, "POST", "/v1/uploads", type, body)));
    const path = `/v1/uploads/${view.id}`;
    const digests = Array.from({ length: view.committed.partCount }, (_, index) =>
      sha256(content.subarray(index * view.partSize, (index + 1) * view.partSize)),
    );
    const last = digests.length - 1;
    const encoded = digests.map((digest) => `:${Buffer.from(digest).toString("base64")}:`);
    const run = { "part-digest": `sha-256=(${encoded.join(" ")})` };
    const put = await ask(session, "PUT", `${path}/parts/0-${last}`, run, content);
    expect([put.status, json(put)["committed"]]).toEqual([200, last + 1]);
    const done = await ask(session, "POST", `${path}/complete`);
    expect(decodeUpload(json(done)).state).toBe("complete");
  });

  it("tells where to go on before the answer, and goes on there after a cut", async () => {
    const session = await clear(await start());
    const length = { "content-length": String(content.length) };
    const stream = begin(session, "POST", "/v1/files", {
      ...{ ...INTEROP, ...length },
      "upload-complete": "?1",
    });
    stream.on("error", () => undefined);
    stream.write(content.subarray(0, 2 * MIB));
    const told = await new Promise<IncomingHttpHeaders>((resolve) =>
      stream.once("headers", (headers) => resolve(headers)),
    );
    expect(told[":status"]).toBe(104);
    const path = String(told.location);
    const offset = async () => decodeUpload(json(await ask(session, "GET", path))).offset;
    await expect.poll(offset).toBeGreaterThan(0);
    stream.close(constants.NGHTTP2_CANCEL);
    const head = await ask(session, "HEAD", path, INTEROP);
    const at = Number(head.headers["upload-offset"]);
    expect(head.headers["upload-complete"]).toBe("?0");
    expect(at).toBeGreaterThan(0);
    const rest = await ask(
      session,
      "PATCH",
      path,
      {
        ...INTEROP,
        "content-type": "application/partial-upload",
        "upload-offset": String(at),
        "upload-complete": "?1",
      },
      content.subarray(at),
    );
    expect([rest.status, rest.interim[0]?.[":status"]]).toEqual([201, 104]);
    const file = await ask(session, "GET", String(rest.headers.location));
    expect(file.bytes.equals(content)).toBe(true);
  });

  it("never takes the end of a stream that was reset for the end of its body", async () => {
    const session = await clear(await start());
    const begun = await ask(session, "POST", "/v1/files", { "upload-complete": "?0" });
    const path = String(begun.headers.location);
    const stream = begin(session, "PATCH", path, {
      "content-type": "application/partial-upload",
      "upload-offset": "0",
      "upload-complete": "?1",
    });
    stream.on("error", () => undefined);
    stream.write(content.subarray(0, 300_000));
    await expect
      .poll(async () => decodeUpload(json(await ask(session, "GET", path))).offset)
      .toBeGreaterThan(0);
    stream.close(constants.NGHTTP2_CANCEL);
    const head = await ask(session, "HEAD", path);
    expect(head.headers["upload-complete"]).toBe("?0");
    const { state, hasSize } = decodeUpload(json(await ask(session, "GET", path)));
    expect([state, hasSize]).toEqual(["open", false]);
  });

  it("ends an append in flight for a HEAD on the same connection", async () => {
    const session = await clear(await start());
    const begun = await ask(session, "POST", "/v1/files", { "upload-complete": "?0" });
    const path = String(begun.headers.location);
    const stream = begin(session, "PATCH", path, {
      "content-type": "application/partial-upload",
      "upload-offset": "0",
      "upload-complete": "?0",
    });
    const first = answerOf(stream);
    stream.write(content.subarray(0, 300_000));
    await expect
      .poll(async () => decodeUpload(json(await ask(session, "GET", path))).offset)
      .toBeGreaterThan(0);
    const head = await ask(session, "HEAD", path);
    expect(head.headers["upload-offset"]).toBe("300000");
    expect([(await first).status, json(await first)["code"]]).toEqual([409, "append_in_progress"]);
    expect((await ask(session, "GET", "/livez")).status).toBe(200);
  });

  it("refuses a body early, and the connection goes on", async () => {
    const session = await clear(await start());
    const wrong = { "content-digest": "x=" };
    const refused = await ask(
      session,
      "POST",
      "/v1/files",
      { "upload-complete": "?0", ...wrong },
      content,
    );
    expect([refused.status, json(refused)["code"]]).toEqual([400, "invalid_digest"]);
    const right = { "content-digest": encodeDigest("sha-256", sha256(content)) };
    const begun = await ask(
      session,
      "POST",
      "/v1/files",
      { "upload-complete": "?0", ...right },
      content,
    );
    expect(begun.headers["upload-offset"]).toBe(String(content.length));
  });

  it.each(["100-continue", "100-Continue"])(
    "asks for a body that is held back: %s",
    async (field) => {
      const session = await clear(await start());
      const stream = begin(session, "POST", "/v1/files", {
        expect: field,
        "upload-complete": "?1",
        "content-length": String(content.length),
      });
      const answer = answerOf(stream);
      await new Promise<void>((resolve) => stream.once("continue", resolve));
      stream.end(content);
      expect((await answer).status).toBe(201);
    },
  );

  it("does not inform who came through a proxy", async () => {
    const session = await clear(await start());
    const headers = { ...INTEROP, "upload-complete": "?1", "x-forwarded-for": "192.0.2.1" };
    const answer = await ask(session, "POST", "/v1/files", headers, content);
    expect([answer.status, answer.interim]).toEqual([201, []]);
  });

  it("offers windows that a fast line can fill", async () => {
    const session = await clear(await start());
    // Until they come, they are taken for the usual ones.
    await ask(session, "GET", "/livez");
    expect(session.remoteSettings).toMatchObject({
      initialWindowSize: MIB,
      maxConcurrentStreams: 32,
    });
    expect(session.state.remoteWindowSize).toBeGreaterThan(8 * MIB);
  });

  it.skipIf(!existsSync("/proc/net/tcp"))(
    "has the kernel ask after a client who is sent nothing and may have vanished",
    async () => {
      const server = await start();
      const session = await clear(server);
      await ask(session, "GET", "/livez");
      const port = (server.h2cPort ?? 0).toString(16).toUpperCase().padStart(4, "0");
      // State 01 is an established connection, timer 02 that of keepalive.
      const timers = () =>
        readFileSync("/proc/net/tcp", "utf8")
          .split("\n")
          .map((line) => line.trim().split(/\s+/))
          .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === "01")
          .map((fields) => fields[5]?.slice(0, 2));
      await expect.poll(timers).toEqual(["02"]);
    },
  );

  it("is where nobody asked for it not at all", async () => {
    const { port, h2cPort } = await start({ h2cPort: undefined });
    expect(h2cPort).toBeUndefined();
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":path": "/livez" });
    session.on("error", () => undefined);
    await expect(answerOf(stream)).rejects.toThrow();
    session.destroy();
  });

  it("is refused beyond this machine where only TLS would allow that", async () => {
    const files = await makeCertificate(directory, "front");
    const options = { host: "0.0.0.0", token: "a-token-of-some-length", tls: files };
    await expect(start(options)).rejects.toMatchObject({ code: "insecure_bind" });
    expect((await start({ ...options, h2cPort: undefined })).h2cPort).toBeUndefined();
  });
});

describe("HTTP/2 over TLS", () => {
  it("shares its port with HTTP/1.1, as each client asks", async () => {
    const tls = await makeCertificate(directory, "front");
    const { port, url } = await start({ tls, h2cPort: undefined });
    const session = await open(url, { rejectUnauthorized: false });
    expect(session.alpnProtocol).toBe("h2");
    const made = await ask(session, "POST", "/v1/files", { "upload-complete": "?1" }, content);
    const path = String(made.headers.location);
    const one = await new Promise<Buffer>((resolve, reject) => {
      const req = request({ port, path, host: "127.0.0.1", rejectUnauthorized: false }, (res) => {
        const pieces: Buffer[] = [];
        res
          .on("data", (piece) => pieces.push(piece))
          .on("end", () => resolve(Buffer.concat(pieces)));
        expect(res.httpVersion).toBe("1.1");
      });
      req.on("error", reject).end();
    });
    expect(one.equals(content)).toBe(true);
    expect((await ask(session, "GET", path)).bytes.equals(content)).toBe(true);
  });
});

describe("a server that closes", () => {
  it("lets a stream end and its connection with it", async () => {
    const server = await start();
    const session = await clear(server);
    const stream = begin(session, "POST", "/v1/files", { "upload-complete": "?1" });
    const answer = answerOf(stream);
    stream.write(content.subarray(0, MIB));
    await ask(session, "GET", "/livez");
    const closing = server.close();
    stream.end(content.subarray(MIB));
    await closing;
    // Begun before, it is taken; whichever of the two was first, nobody is left without an answer.
    expect([201, 503]).toContain((await answer).status);
    expect(session.closed).toBe(true);
  });

  it("does not wait for who says nothing", async () => {
    const server = await start({ closeMs: 200 });
    const session = await clear(server);
    const stream = begin(session, "POST", "/v1/files", { "upload-complete": "?1" });
    stream.on("error", () => undefined);
    stream.write("some");
    await ask(session, "GET", "/livez");
    await server.close();
    await expect.poll(() => session.destroyed).toBe(true);
  });
});
