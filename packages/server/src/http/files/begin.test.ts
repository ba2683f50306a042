// Uploads begun by Resumable Uploads for HTTP: creation with all bytes, some or none, interim responses, what is refused and what is left of it.
import { decodeUpload, encodeDigest, KIB } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { sha256 } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTokenPolicy } from "../../policy/policy.ts";
import {
  type Answer,
  ask,
  declines,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

const content = createRandom("begin over HTTP").bytes(1_100 * KIB + 77);
const INTEROP = "upload-draft-interop-version";
const REGISTRY = "https://iana.org/assignments/http-problem-types#";
const HAS_NO_INTERIM = declines("fetch", "Response knows no interim responses");

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

type Fields = Readonly<Record<string, string>>;

function begin(complete: string, body: Uint8Array, more: Fields = {}): Promise<Answer> {
  const headers = { "upload-complete": complete, [INTEROP]: "8", ...more };
  return ask(server, { method: "POST", path: "/v1/files", headers, body });
}

function append(path: string, at: number, end: number, more: Fields = {}): Promise<Answer> {
  const headers = {
    "content-type": "application/partial-upload",
    "upload-offset": String(at),
    "upload-complete": end === content.length ? "?1" : "?0",
    [INTEROP]: "8",
    ...more,
  };
  return ask(server, { method: "PATCH", path, headers, body: content.subarray(at, end) });
}

/** The answer to the last append of what has 9 bytes; a slow machine proves longer than an answer waits, and asking again tells. */
async function ended(begun: Answer): Promise<Answer> {
  const url = locationOf(begun);
  for (let at = 9; ; at = content.length) {
    const answer = await append(url, at, content.length);
    if (answer.status !== 202) return answer;
  }
}

const head = (path: string, more: Fields = { [INTEROP]: "8" }): Promise<Answer> =>
  ask(server, { method: "HEAD", path, headers: more });

const locationOf = ({ headers }: Answer): string => String(headers.location);

async function fileAt(path: string): Promise<Buffer> {
  return (await ask(server, { path })).bytes;
}

describe("an upload begun with", () => {
  it("all of its bytes is a file, and where to go on was told before", async () => {
    const answer = await begin("?1", content);
    expect(answer.status).toBe(201);
    expect(answer.headers).toMatchObject({ "upload-complete": "?1" });
    expect(await fileAt(locationOf(answer))).toEqual(Buffer.from(content));
    expect(answer.json["size"]).toBe(content.length);
    if (HAS_NO_INTERIM) return;
    const [first, ...rest] = answer.interim;
    expect([first?.status, first?.headers[INTEROP]]).toEqual([104, "8"]);
    expect(first?.headers.location).toBe(`/v1/uploads/${answer.json["upload"]}`);
    expect(first?.headers["upload-limit"]).toMatch(/^max-size=\d+, max-age=86400$/);
    expect(rest.length).toBeGreaterThan(0);
    for (const { headers } of rest) {
      expect([headers.location, headers[INTEROP]]).toEqual([undefined, "8"]);
      expect(Number(headers["upload-offset"])).toBeGreaterThan(0);
    }
  });

  it("some of them is gone on with", async () => {
    const length = { "upload-length": String(content.length) };
    const begun = await begin("?0", content.subarray(0, 300_001), length);
    expect(begun.status).toBe(201);
    expect(begun.headers).toMatchObject({
      "upload-complete": "?0",
      "upload-offset": "300001",
      "upload-limit": expect.stringMatching(`^max-size=${content.length}, max-age=`),
    });
    const url = locationOf(begun);
    if (!HAS_NO_INTERIM) expect(begun.interim[0]?.headers.location).toBe(url);
    expect((await head(url)).headers).toMatchObject({
      "upload-offset": "300001",
      "upload-complete": "?0",
      "upload-length": String(content.length),
      "cache-control": "no-store",
    });
    const more = await append(url, 300_001, 600_000);
    expect([more.status, more.headers["upload-complete"]]).toEqual([204, "?0"]);
    const last = await append(url, 600_000, content.length);
    expect([last.status, last.headers["upload-complete"]]).toEqual([201, "?1"]);
    expect(await fileAt(locationOf(last))).toEqual(Buffer.from(content));
  });

  it("none has an address, and may have no bytes to its end", async () => {
    const begun = await begin("?0", new Uint8Array(), { "upload-length": "0" });
    const url = locationOf(begun);
    const headers = { "upload-complete": "?0", "upload-offset": "0", "upload-length": "0" };
    expect((await head(url)).headers).toMatchObject(headers);
    const done = await ask(server, {
      method: "PATCH",
      path: url,
      headers: {
        "content-type": "application/partial-upload",
        "upload-offset": "0",
        "upload-complete": "?1",
      },
    });
    expect([done.status, done.json["size"]]).toEqual([201, 0]);
    const whole = await begin("?1", new Uint8Array());
    expect([whole.status, whole.json["size"]]).toEqual([201, 0]);
  });

  it("a name, a type and metadata, as any other file", async () => {
    const named = await begin("?1", content, {
      "content-disposition": "inline; filename*=UTF-8''%E2%82%AC.txt",
      "content-type": "text/plain",
    });
    expect(named.json).toMatchObject({ name: "\u20ac.txt", type: "text/plain" });
    expect((await begin("?1", content)).json).toMatchObject({ name: "unnamed" });
  });

  it("coded bytes counts those, and says how they are coded", async () => {
    const begun = await begin("?0", content.subarray(0, 9), { "content-encoding": "gzip" });
    expect(begun.headers["upload-offset"]).toBe("9");
    expect(begun.json["metadata"]).toEqual({ "content-encoding": "gzip" });
    const whole = await begin("?1", content, { "content-encoding": "gzip" });
    expect(await fileAt(`/v1/files/${whole.json["id"]}`)).toEqual(Buffer.from(content));
  });

  it("a key is the same one again, and the same file", async () => {
    const key = { "idempotency-key": "again" };
    const first = await begin("?0", content.subarray(0, 1_000), key);
    const more = await begin("?0", content.subarray(0, 5_000), key);
    expect(locationOf(more)).toBe(locationOf(first));
    expect(more.headers["upload-offset"]).toBe("5000");
    const other = await begin("?0", content.subarray(1, 6_000), key);
    expect([other.status, other.json["code"]]).toEqual([409, "part_conflict"]);
    expect((await head(locationOf(first))).headers["upload-offset"]).toBe("5000");
  });

  it("a digest of the whole is looked at at the end", async () => {
    const right = { "repr-digest": encodeDigest("sha-256", sha256(content)) };
    const begun = await begin("?0", content.subarray(0, 9), right);
    const last = await ended(begun);
    expect([last.status, last.headers["repr-digest"]]).toEqual([201, right["repr-digest"]]);
    const wrong = { "repr-digest": encodeDigest("sha-256", sha256(content.subarray(1))) };
    const bad = await begin("?0", content.subarray(0, 9), wrong);
    const refused = await ended(bad);
    // Who had to ask again hears that it has ended; its status tells why.
    const isFirst = refused.json["code"] === "file_digest_mismatch";
    expect([refused.status, refused.headers["upload-complete"]]).toEqual(
      isFirst ? [409, "?1"] : [410, "?0"],
    );
    const { json } = await ask(server, { path: locationOf(bad) });
    expect(json).toMatchObject({ state: "failed", error: { code: "file_digest_mismatch" } });
    expect((await head(locationOf(bad))).status).toBe(410);
  });

  it("a digest of the whole that is wanted is read back at the end, and told", async () => {
    const told = async (wanted: string) => {
      const begun = await begin("?0", content.subarray(0, 9), { "want-repr-digest": wanted });
      const last = await ended(begun);
      expect(last.status).toBe(201);
      return last.headers["repr-digest"];
    };
    expect(await told("sha-512=3, sha-256=10")).toBe(encodeDigest("sha-256", sha256(content)));
    expect(await told("sha-512=3")).toBeUndefined();
    expect(await told("sha-256=0")).toBeUndefined();
  });

  it("a digest of its body keeps all of that or nothing, and says where to go on", async () => {
    const wrong = { "content-digest": encodeDigest("sha-256", sha256(content)) };
    const refused = await begin("?0", content.subarray(0, 300_000), wrong);
    expect([refused.status, refused.json["code"]]).toEqual([422, "digest_mismatch"]);
    expect((await head(locationOf(refused))).headers["upload-offset"]).toBe("0");
    // One that is not known says nothing.
    const other = await begin("?0", content.subarray(0, 9), { "content-digest": "md5=:AA==:" });
    expect(other.status).toBe(201);
  });
});

describe("an upload that is cut at its beginning", () => {
  it("is gone on with where the interim response said, and its bytes count", async () => {
    if (declines("fetch", "Response knows no interim responses")) return;
    const raw = await openRaw(server);
    const headers = {
      "upload-complete": "?1",
      [INTEROP]: "8",
      "content-length": String(content.length),
    };
    raw.socket.write(rawHead({ method: "POST", path: "/v1/files", headers }));
    const interim = await raw.until("\r\n\r\n");
    expect(interim).toMatch(/^HTTP\/1.1 104 /);
    const url = /location: (\S+)/i.exec(interim)?.[1] ?? "";
    raw.socket.end(content.subarray(0, 700_000));
    await raw.ended();
    expect((await head(url)).headers).toMatchObject({
      "upload-offset": "700000",
      "upload-length": String(content.length),
    });
    // The rest comes by parts, whatever began it.
    const view = decodeUpload((await ask(server, { path: url })).json);
    expect((await ask(server, putRequest(view, content, [0, 2]))).status).toBe(200);
    const last = await append(url, content.length, content.length);
    expect(await fileAt(locationOf(last))).toEqual(Buffer.from(content));
  });

  it("is removed where nobody was told of it", async () => {
    if (declines("fetch", "the host may never say that the connection is gone")) return;
    const raw = await openRaw(server);
    const headers = { "upload-complete": "?0", "content-length": String(content.length) };
    raw.socket.write(rawHead({ method: "POST", path: "/v1/files", headers }));
    raw.socket.end(content.subarray(0, 700_000));
    expect((await raw.ended()).text).not.toContain(" 104 ");
    expect((await server.engine.health()).open).toBe(0);
  });
});

describe("interim responses", () => {
  it.each([
    ["who names no version", { [INTEROP]: "" }],
    ["a version that is not spoken", { [INTEROP]: "4" }],
    ["a version that is none", { [INTEROP]: "eight" }],
    ["what came through a proxy", { via: "1.1 proxy" }],
    ["what was forwarded", { forwarded: "for=192.0.2.1" }],
    ["what was forwarded, in the old way", { "x-forwarded-for": "192.0.2.1" }],
    ["what was forwarded from elsewhere", { "x-forwarded-proto": "https" }],
  ])("are not for %s, who gets an upload all the same", async (_, more) => {
    const begun = await begin("?0", content.subarray(0, 9), more);
    expect([begun.status, begun.interim]).toEqual([201, []]);
    const last = await append(locationOf(begun), 9, content.length, more);
    expect([last.status, last.interim]).toEqual([201, []]);
    const whole = await begin("?1", content, more);
    expect([whole.status, whole.headers["upload-complete"], whole.interim]).toEqual([
      201,
      "?1",
      [],
    ]);
  });

  it("go through a proxy where that is known to bear them, and nowhere where nothing does", async () => {
    if (declines("fetch", "Response knows no interim responses")) return;
    await server.close();
    server = await startTestServer({ http: { interim: "always" } });
    expect((await begin("?1", content, { via: "1.1 proxy" })).interim.length).toBeGreaterThan(0);
    await server.close();
    server = await startTestServer({ http: { interim: "never" } });
    expect((await begin("?1", content)).interim).toEqual([]);
  });

  it("are not for HTTP/1.0", async () => {
    const raw = await openRaw(server);
    const fields = `Upload-Complete: ?1\r\n${INTEROP}: 8\r\nContent-Length: 2\r\n`;
    raw.socket.write(`POST /v1/files HTTP/1.0\r\nHost: localhost\r\n${fields}\r\nhi`);
    expect((await raw.ended()).text).toMatch(/^HTTP\/1.1 201 /);
  });

  it("leave the answer to Expect where it is", async () => {
    if (declines("fetch", "the host answers Expect by itself")) return;
    const raw = await openRaw(server);
    const headers = {
      "upload-complete": "?1",
      [INTEROP]: "8",
      "content-length": "5",
      expect: "100-continue",
    };
    raw.socket.write(rawHead({ method: "POST", path: "/v1/files", headers }));
    expect(await raw.until(" 100 ")).toMatch(/^HTTP\/1.1 104 /);
    raw.socket.write("hello");
    await raw.until("HTTP/1.1 201 ");
    raw.socket.destroy();
  });
});

describe("a creation is refused", () => {
  it.each([
    ["where its length is not that of its body", "?1", { "upload-length": "5" }],
    ["where its body is longer than its length", "?0", { "upload-length": "5" }],
  ])("%s", async (_, complete, more) => {
    const refused = await begin(complete, content.subarray(0, 9), more);
    expect([refused.status, refused.json["type"], refused.json["code"]]).toEqual([
      400,
      `${REGISTRY}inconsistent-upload-length`,
      "size_mismatch",
    ]);
    expect([refused.headers["upload-complete"], refused.interim]).toEqual(["?0", []]);
    expect((await server.engine.health()).open).toBe(0);
  });

  it.each([
    ["of a body that ends before it", 10, "?1", {}],
    ["of a body that goes beyond it", 8, "?1", {}],
    ["of a large body that goes beyond it", 900 * KIB, "?1", {}],
    ["of a body that goes beyond it, though more may come", 8, "?0", {}],
    ["of a body that ends before it, to who names a version", 10, "?1", { [INTEROP]: "8" }],
    ["of a body that goes beyond it, to who names a version", 8, "?0", { [INTEROP]: "8" }],
  ] as const)("with a length that is not that %s, of which nobody told the end", async (...row) => {
    const [, size, complete, more] = row;
    const body = size > 10 ? content : content.subarray(0, 9);
    const refused = await begin(complete, body, {
      ...{ [INTEROP]: "", "transfer-encoding": "chunked", "upload-length": String(size) },
      ...more,
    });
    expect([refused.status, refused.json["type"]]).toEqual([
      400,
      `${REGISTRY}inconsistent-upload-length`,
    ]);
    // Nobody knows which of the bytes are its own; but who was told where it is may say more.
    const stays = complete === "?1" && INTEROP in more && !HAS_NO_INTERIM;
    expect((await server.engine.health()).open).toBe(stays ? 1 : 0);
    expect((await ask(server, { path: "/v1/files" })).json["files"]).toEqual([]);
  });

  it.each([
    ["a malformed digest", { "content-digest": "x=" }, "invalid_digest"],
    ["a malformed digest of the whole", { "repr-digest": "x=" }, "invalid_digest"],
    ["a malformed name", { "content-disposition": "inline" }, "invalid_request"],
    ["a malformed key", { "idempotency-key": " " }, "invalid_request"],
  ])("with %s, before there is an upload", async (_, more, code) => {
    const refused = await begin("?0", content, more);
    expect([refused.status, refused.json["code"]]).toEqual([400, code]);
    expect((await server.engine.health()).open).toBe(0);
  });

  it("as a plain file where it says nothing about its end that could be read", async () => {
    for (const complete of ["1", "true", "?2", "?1, ?0"]) {
      const refused = await begin(complete, content);
      expect([refused.status, refused.json["field"]]).toEqual([400, "content-disposition"]);
    }
  });
});

describe("an append is refused", () => {
  it("elsewhere than at the offset, which it is told", async () => {
    const url = locationOf(await begin("?0", content.subarray(0, 700)));
    for (const at of [0, 699, 701, 900_000]) {
      const refused = await append(url, at, at + 9);
      expect(refused.status).toBe(409);
      expect(refused.headers).toMatchObject({ "upload-offset": "700", "upload-complete": "?0" });
      expect(refused.json).toMatchObject({
        type: `${REGISTRY}mismatching-upload-offset`,
        "expected-offset": 700,
        "provided-offset": at,
      });
    }
    expect((await append(url, 700, content.length)).status).toBe(201);
  });

  it("where the length changes, or is exceeded by what is announced", async () => {
    const length = { "upload-length": "1000" };
    const url = locationOf(await begin("?0", content.subarray(0, 700), length));
    for (const [end, more] of [
      [705, { "upload-length": "999" }],
      [1_001, {}],
      [705, { "upload-length": "701" }],
    ] as const) {
      const refused = await append(url, 700, end, more);
      expect([refused.status, refused.json["type"]]).toEqual([
        400,
        `${REGISTRY}inconsistent-upload-length`,
      ]);
    }
    expect((await head(url)).headers).toMatchObject({ "upload-offset": "700", ...length });
  });

  it("where a streamed body exceeds the length, and the upload ends with it", async () => {
    const length = { "upload-length": "1000" };
    const url = locationOf(await begin("?0", content.subarray(0, 700), length));
    const refused = await append(url, 700, 1_001, { "transfer-encoding": "chunked" });
    expect([refused.status, refused.json["type"]]).toEqual([
      400,
      `${REGISTRY}inconsistent-upload-length`,
    ]);
    expect((await head(url)).status).toBe(410);
    expect((await append(url, 700, 701)).status).toBe(410);
  });

  it("where the upload is complete, unless it only asks for the answer again", async () => {
    const url = `/v1/uploads/${(await begin("?1", content)).json["upload"]}`;
    if (HAS_NO_INTERIM) return;
    const late = await append(url, 5, 9);
    expect([late.status, late.json["code"]]).toEqual([409, "upload_not_open"]);
    expect(late.headers["upload-offset"]).toBe(String(content.length));
    const again = await append(url, content.length, content.length);
    expect([again.status, again.headers["upload-complete"]]).toEqual([201, "?1"]);
    expect(await fileAt(locationOf(again))).toEqual(Buffer.from(content));
    expect((await head(url)).headers).toMatchObject({
      "upload-complete": "?1",
      "upload-offset": String(content.length),
    });
  });

  it("where the upload was cancelled", async () => {
    const url = locationOf(await begin("?0", content.subarray(0, 9)));
    expect((await ask(server, { method: "DELETE", path: url })).status).toBe(204);
    expect((await append(url, 9, 20)).status).toBe(410);
    expect((await head(url)).status).toBe(410);
  });

  it("above the most that it may become, and is told that", async () => {
    const url = locationOf(await begin("?0", content.subarray(0, 9)));
    const limit = (await head(url)).headers["upload-limit"];
    const max = Number(/max-size=(\d+)/.exec(String(limit))?.[1]);
    const refused = await append(url, 9, 20, { "upload-length": String(max + 1) });
    expect([refused.status, refused.headers["upload-limit"]]).toEqual([413, `max-size=${max}`]);
  });
});

describe("limits", () => {
  it("are told before anything is begun", async () => {
    await server.close();
    const policy = createTokenPolicy({ limits: { sizeMax: 5_000_000 } });
    server = await startTestServer({ parts: { policy } });
    const answer = await ask(server, { method: "OPTIONS", path: "/v1/files" });
    expect([answer.status, answer.headers["accept-patch"]]).toEqual([
      204,
      "application/partial-upload",
    ]);
    const limit = String(answer.headers["upload-limit"]);
    expect(limit).toMatch(/^max-size=\d+, max-age=86400$/);
    const max = Number(/max-size=(\d+)/.exec(limit)?.[1]);
    const above = await begin("?0", new Uint8Array(), { "upload-length": `${max + 1}` });
    expect([above.status, above.json["code"]]).toEqual([413, "size_too_large"]);
    expect(above.headers["upload-limit"]).toBe(`max-size=${max}`);
    const within = await begin("?0", new Uint8Array(), { "upload-length": `${max}` });
    expect(within.headers["upload-limit"]).toContain(`max-size=${max}`);
  });
});

describe("a GET of the upload", () => {
  it("is a HEAD to who speaks the protocol, and the status to anybody else", async () => {
    const url = locationOf(await begin("?0", content.subarray(0, 9)));
    const asked = await ask(server, { path: url, headers: { [INTEROP]: "8" } });
    expect([asked.status, asked.headers["upload-offset"]]).toEqual([204, "9"]);
    expect(decodeUpload((await ask(server, { path: url })).json).offset).toBe(9);
  });
});
