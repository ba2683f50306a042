// tus 1.0.0 over HTTP, clause by clause: core, creation, deferred length, expiration, checksums, termination, method override.
import { createHash } from "node:crypto";
import { decodeUpload, KIB, MIB, missingRanges, type UploadView } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crc32c } from "../../hashing/crc32c.ts";
import {
  type Answer,
  type Ask,
  ask,
  askJson,
  declines,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

const content = createRandom("tus").bytes(MIB + 300 * KIB + 77);
const SIZE = String(content.length);
const BODY = "application/offset+octet-stream";

const NO_TRAILERS = declines("fetch", "a Request of the web platform has no trailers");

type Fields = Readonly<Record<string, string>>;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

function tus(method: string, path: string, headers: Fields = {}, body?: Ask["body"]): Ask {
  const all = { "tus-resumable": "1.0.0", ...headers };
  return { method, path, headers: all, ...(body === undefined ? {} : { body }) };
}

const post = (headers: Fields, body?: Ask["body"]): Promise<Answer> =>
  ask(server, tus("POST", "/tus", headers, body));
const head = (path: string): Promise<Answer> => ask(server, tus("HEAD", path));

function pathOf(answer: Answer): string {
  expect(answer.status).toBe(201);
  return new URL(String(answer.headers.location), "http://h/tus").pathname;
}

async function create(headers: Fields = { "upload-length": SIZE }): Promise<string> {
  return pathOf(await post(headers));
}

function patch(path: string, at: number, end: number, more: Fields = {}): Promise<Answer> {
  const headers = { "content-type": BODY, "upload-offset": String(at), ...more };
  return ask(server, tus("PATCH", path, headers, content.subarray(at, end)));
}

const offsetOf = async (path: string) => (await head(path)).headers["upload-offset"];

async function bytesAt(answer: Answer): Promise<Buffer> {
  return (await ask(server, { path: String(answer.headers["content-location"]) })).bytes;
}

const digest = (algorithm: string, bytes: Uint8Array) =>
  createHash(algorithm).update(bytes).digest("base64");

describe("core", () => {
  it("takes bytes at the offset, and makes a file of them with the last one", async () => {
    const path = await create();
    const first = await patch(path, 0, MIB + 1);
    expect([first.status, first.headers["upload-offset"]]).toEqual([204, String(MIB + 1)]);
    const last = await patch(path, MIB + 1, content.length);
    expect([last.status, last.headers["upload-offset"]]).toEqual([204, SIZE]);
    expect(await bytesAt(last)).toEqual(Buffer.from(content));
    const after = await head(path);
    expect([after.status, after.headers["upload-offset"]]).toEqual([200, SIZE]);
    expect(after.headers["content-location"]).toBe(last.headers["content-location"]);
  });

  it("tells offset, length and metadata, and may not be stored", async () => {
    const metadata = "filename YS5iaW4=,empty,note bm8=";
    const path = await create({ "upload-length": SIZE, "upload-metadata": metadata });
    const { headers } = await head(path);
    expect(headers).toMatchObject({
      ...{ "upload-offset": "0", "upload-length": SIZE, "upload-metadata": metadata },
      ...{ "cache-control": "no-store", "tus-resumable": "1.0.0" },
    });
    expect(headers["upload-defer-length"]).toBeUndefined();
  });

  it("refuses another offset with 409 and the right one", async () => {
    const path = await create();
    await patch(path, 0, 100);
    for (const at of [0, 99, 101]) {
      const answer = await patch(path, at, at + 5);
      expect([answer.status, answer.headers["upload-offset"]]).toEqual([409, "100"]);
    }
    expect(await offsetOf(path)).toBe("100");
  });

  it("answers nothing appended with the offset as it is", async () => {
    const path = await create();
    expect((await patch(path, 0, 0)).headers["upload-offset"]).toBe("0");
    await patch(path, 0, content.length);
    const again = await patch(path, content.length, content.length);
    expect([again.status, again.headers["upload-offset"]]).toEqual([204, SIZE]);
  });

  it("refuses bytes for what is complete: 413 at its end, 409 elsewhere", async () => {
    const path = await create();
    await patch(path, 0, content.length);
    const headers = { "content-type": BODY, "upload-offset": SIZE };
    expect((await ask(server, tus("PATCH", path, headers, "more"))).status).toBe(413);
    const early = await patch(path, 7, 9);
    expect([early.status, early.headers["upload-offset"]]).toEqual([409, SIZE]);
    expect((await patch(path, content.length, content.length)).status).toBe(204);
  });

  it.each([
    ["another media type", { "content-type": "application/octet-stream" }, 415],
    ["no media type", { "content-type": "" }, 415],
    ...["-1", "1.5", "+3", "1e3", "", " ", "9007199254740992", "0x1", "five"].map(
      (offset) => [`the offset "${offset}"`, { "upload-offset": offset }, 400] as const,
    ),
    ["an encoded body", { "content-encoding": "gzip" }, 400],
    ["a length that is no number", { "upload-length": "many" }, 400],
    ["another length", { "upload-length": "5" }, 400],
  ] as const)("refuses %s and leaves the upload as it was", async (_, fields, status) => {
    const path = await create();
    const answer = await patch(path, 0, 9, fields);
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(await offsetOf(path)).toBe("0");
  });

  it("refuses more bytes than the upload has: declared at once, streamed where they end", async () => {
    const path = await create({ "upload-length": "10" });
    expect((await patch(path, 0, 11)).status).toBe(413);
    expect(await offsetOf(path)).toBe("0");
    const raw = await openRaw(server);
    const headers = { "content-type": BODY, "upload-offset": "0", "transfer-encoding": "chunked" };
    const wants = tus("PATCH", path, headers);
    raw.socket.write(`${rawHead(wants)}b\r\n12345678901\r\n0\r\n\r\n`);
    expect(await raw.until("\r\n\r\n")).toMatch(/^HTTP\/1.1 413 /);
    raw.socket.destroy();
    // What it had room for was stored, and with the last byte the upload became a file.
    expect((await head(path)).headers["upload-offset"]).toBe("10");
  });

  it("keeps what a cut connection brought", async () => {
    const path = await create();
    const raw = await openRaw(server);
    const headers = { "content-type": BODY, "upload-offset": "0", "content-length": SIZE };
    raw.socket.write(rawHead(tus("PATCH", path, headers)));
    raw.socket.end(content.subarray(0, 100_001));
    await raw.ended();
    expect(await offsetOf(path)).toBe("100001");
  });

  it("ends an append in flight for the next request, and counts what came of it", async () => {
    const path = await create();
    const raw = await openRaw(server);
    const headers = { "content-type": BODY, "upload-offset": "0", "content-length": SIZE };
    raw.socket.write(rawHead(tus("PATCH", path, headers)));
    raw.socket.write(content.subarray(0, MIB + 4321));
    const status = `/v1/uploads/${path.slice(5)}`;
    while (decodeUpload((await ask(server, { path: status })).json).offset < MIB)
      await new Promise((resolve) => setImmediate(resolve));
    expect(await offsetOf(path)).toBe(String(MIB + 4321));
    expect(await raw.until("append_in_progress")).toMatch(/^HTTP\/1.1 423 /);
    expect((await patch(path, MIB + 4321, content.length)).status).toBe(204);
    raw.socket.destroy();
  });

  it("refuses requests of another version with 412 and those that it speaks", async () => {
    const path = await create();
    for (const version of ["0.2.2", "1.0", "2.0.0"]) {
      const answer = await patch(path, 0, 9, { "tus-resumable": version });
      expect([answer.status, answer.headers["tus-version"]]).toEqual([412, "1.0.0"]);
    }
    const none = await ask(server, { method: "POST", path: "/tus" });
    expect([none.status, none.headers["tus-version"]]).toEqual([412, "1.0.0"]);
    expect(await offsetOf(path)).toBe("0");
  });

  it("tells everybody what it can", async () => {
    const guarded = await startTestServer({ token: "secret" });
    for (const path of ["/tus", "/tus/", "/tus/aaaaaaaaaaaaaaaaaaaaaaaaaa"]) {
      const answer = await ask(guarded, { method: "OPTIONS", path });
      expect(answer.status).toBe(204);
      const { headers } = answer;
      expect(headers).toMatchObject({
        ...{ "tus-version": "1.0.0", "tus-resumable": "1.0.0" },
        "tus-checksum-algorithm": "sha1,sha256,sha512,crc32c",
        "tus-max-size": expect.stringMatching(/^\d+$/),
      });
      expect(headers["tus-extension"]).toBe(
        `creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,${NO_TRAILERS ? "" : "checksum-trailer,"}concatenation`,
      );
    }
    const posted = await ask(guarded, tus("POST", "/tus", { "upload-length": "1" }));
    expect([posted.status, posted.headers["tus-resumable"]]).toEqual([401, "1.0.0"]);
    await guarded.close();
  });

  it("goes by the method in the header, whatever the other one is", async () => {
    const path = await create();
    const override = (method: string, more: Fields, body?: Uint8Array) =>
      ask(server, tus("POST", path, { "x-http-method-override": method, ...more }, body));
    const patched = await override(
      "PATCH",
      { "content-type": BODY, "upload-offset": "0" },
      content,
    );
    expect([patched.status, patched.headers["upload-offset"]]).toEqual([204, SIZE]);
    expect((await override("HEAD", {})).headers["upload-offset"]).toBe(SIZE);
    expect((await override("DELETE", {})).status).toBe(204);
    expect((await head(path)).status).toBe(404);
  });

  it("says 404 for what there is not, without an offset", async () => {
    for (const path of ["/tus/none", "/tus/aaaaaaaaaaaaaaaaaaaaaaaaaa"]) {
      const answer = await head(path);
      expect([answer.status, answer.headers["upload-offset"]]).toEqual([404, undefined]);
      expect((await patch(path, 0, 5)).status).toBe(404);
    }
  });
});

describe("creation", () => {
  it("names the upload relative to what was asked for", async () => {
    const id = /[a-z2-7]{26}$/.source;
    const bare = await post({ "upload-length": "5" });
    expect(bare.headers.location).toMatch(new RegExp(`^tus/${id}`));
    const slash = await ask(server, tus("POST", "/tus/", { "upload-length": "5" }));
    expect(slash.headers.location).toMatch(new RegExp(`^${id}`));
  });

  it.each([
    ["neither length nor deferral", {}],
    ["both", { "upload-length": "5", "upload-defer-length": "1" }],
    ["a deferral of 2", { "upload-defer-length": "2" }],
    ...["-1", "1.5", "", "ten", "9007199254740992"].map(
      (length) => [`the length "${length}"`, { "upload-length": length }] as const,
    ),
    ["metadata that is not Base64", { "upload-length": "5", "upload-metadata": "a b!" }],
    ["metadata with a key twice", { "upload-length": "5", "upload-metadata": "a YQ==,a YQ==" }],
    ["metadata with no key", { "upload-length": "5", "upload-metadata": "a YQ==,,b YQ==" }],
    ["metadata with spaces", { "upload-length": "5", "upload-metadata": "a YQ== YQ==" }],
    ["an unknown concatenation", { "upload-length": "5", "upload-concat": "all" }],
  ] as const)("refuses %s with 400", async (_, headers) => {
    const answer = await post(headers);
    expect([answer.status, answer.json["code"]]).toEqual([400, "invalid_request"]);
  });

  it("refuses 50 KiB of metadata with 400", async () => {
    const metadata = `a ${"YWFh".repeat(12_800)}`;
    const answer = await post({ "upload-length": "5", "upload-metadata": metadata });
    expect(answer.status).toBe(400);
  });

  it("refuses what is too large with 413", async () => {
    expect((await post({ "upload-length": "9007199254740991" })).status).toBe(413);
  });

  it("publishes an empty file at once", async () => {
    const answer = await post({ "upload-length": "0" });
    expect(answer.status).toBe(201);
    expect((await bytesAt(answer)).length).toBe(0);
    expect((await head(pathOf(answer))).headers["upload-offset"]).toBe("0");
  });

  it("takes the first bytes along, all of them too", async () => {
    const some = await post(
      { "upload-length": SIZE, "content-type": BODY },
      content.subarray(0, 9),
    );
    expect([some.status, some.headers["upload-offset"]]).toEqual([201, "9"]);
    expect((await patch(pathOf(some), 9, content.length)).status).toBe(204);
    const all = await post({ "upload-length": SIZE, "content-type": BODY }, content);
    expect([all.status, all.headers["upload-offset"]]).toEqual([201, SIZE]);
    expect(await bytesAt(all)).toEqual(Buffer.from(content));
  });

  it("passes over a body of another type", async () => {
    const answer = await post({ "upload-length": "5", "content-type": "text/plain" }, "hello");
    expect(await offsetOf(pathOf(answer))).toBe("0");
  });

  it("names the upload even where the first bytes were wrong", async () => {
    const headers = { "upload-length": SIZE, "content-type": BODY };
    const checksum = { "upload-checksum": `sha1 ${digest("sha1", content)}` };
    const answer = await post({ ...headers, ...checksum }, content.subarray(0, 9));
    expect(answer.status).toBe(460);
    const path = new URL(String(answer.headers.location), "http://h/tus").pathname;
    expect(await offsetOf(path)).toBe("0");
  });

  it("makes name and type of what clients say", async () => {
    const pairs = { filename: "dir/Übung.mp4", filetype: "video/mp4", note: "☂" };
    const metadata = Object.entries(pairs)
      .map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`)
      .join(",");
    const path = await create({ "upload-length": "1", "upload-metadata": metadata });
    const view = decodeUpload((await ask(server, { path: `/v1/uploads/${path.slice(5)}` })).json);
    expect([view.name, view.type, Object.fromEntries(view.metadata)]).toEqual([
      "Übung.mp4",
      "video/mp4",
      pairs,
    ]);
  });
});

describe("deferred length", () => {
  it("is told until it is known, once and never again otherwise", async () => {
    const path = await create({ "upload-defer-length": "1" });
    const before = (await head(path)).headers;
    expect([before["upload-defer-length"], before["upload-length"]]).toEqual(["1", undefined]);
    await patch(path, 0, 1000);
    expect((await patch(path, 1000, 1000, { "upload-length": "999" })).status).toBe(400);
    expect((await patch(path, 1000, 2000, { "upload-length": "1500" })).status).toBe(413);
    expect((await head(path)).headers["upload-defer-length"]).toBe("1");
    expect((await patch(path, 1000, 2000, { "upload-length": SIZE })).status).toBe(204);
    const after = (await head(path)).headers;
    expect([after["upload-defer-length"], after["upload-length"]]).toEqual([undefined, SIZE]);
    expect((await patch(path, 2000, 2001, { "upload-length": "2001" })).status).toBe(400);
    const last = await patch(path, 2000, content.length, { "upload-length": SIZE });
    expect(await bytesAt(last)).toEqual(Buffer.from(content));
  });

  it.each([
    ["between two parts", MIB],
    ["within a part", MIB + 5],
    ["at nothing", 0],
  ] as const)(
    "completes with a request that brings the length and nothing else, %s",
    async (_, size) => {
      const path = await create({ "upload-defer-length": "1" });
      if (size > 0) await patch(path, 0, size);
      const last = await patch(path, size, size, { "upload-length": String(size) });
      expect(last.status).toBe(204);
      expect(await bytesAt(last)).toEqual(Buffer.from(content.subarray(0, size)));
    },
  );
});

describe("expiration", () => {
  it("is told wherever the upload may end, and not of a file", async () => {
    const date = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
    const made = await post({ "upload-length": SIZE });
    expect(made.headers["upload-expires"]).toMatch(date);
    const path = pathOf(made);
    expect((await patch(path, 0, 9)).headers["upload-expires"]).toMatch(date);
    expect((await head(path)).headers["upload-expires"]).toMatch(date);
    const last = await patch(path, 9, content.length);
    expect(last.headers["upload-expires"]).toBeUndefined();
  });
});

function crcOf(bytes: Uint8Array): string {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32c(bytes, 0));
  return value.toString("base64");
}

describe("checksum", () => {
  const piece = content.subarray(0, MIB + 9);
  const right = {
    sha1: digest("sha1", piece),
    sha256: digest("sha256", piece),
    sha512: digest("sha512", piece),
    crc32c: crcOf(piece),
  };
  it.each(Object.entries(right))("by %s keeps all of the body or nothing", async (name, value) => {
    const path = await create();
    const wrong = await patch(path, 0, piece.length - 1, { "upload-checksum": `${name} ${value}` });
    expect(wrong.status).toBe(460);
    expect(await offsetOf(path)).toBe("0");
    const good = await patch(path, 0, piece.length, { "upload-checksum": `${name} ${value}` });
    expect([good.status, good.headers["upload-offset"]]).toEqual([204, String(piece.length)]);
    expect(await bytesAt(await patch(path, piece.length, content.length))).toEqual(
      Buffer.from(content),
    );
  });

  it.each(["md4 AAAA", "sha1", "sha1 !!!", "sha1 AAAA", "SHA1 AAAA", ""])(
    'refuses "%s" with 400',
    async (field) => {
      const path = await create();
      expect((await patch(path, 0, 9, { "upload-checksum": field })).status).toBe(400);
      expect(await offsetOf(path)).toBe("0");
    },
  );

  it("keeps nothing of a body that is cut", async () => {
    const path = await create();
    const raw = await openRaw(server);
    const headers = { "content-type": BODY, "upload-offset": "0", "content-length": SIZE };
    const checksum = { "upload-checksum": `sha1 ${digest("sha1", content)}` };
    raw.socket.write(rawHead(tus("PATCH", path, { ...headers, ...checksum })));
    raw.socket.end(content.subarray(0, MIB + 5));
    await raw.ended();
    expect(await offsetOf(path)).toBe("0");
    // That is nobody's fault here, though tus would have it called one.
    const statuses = server.logged.map(({ fields }) => Number(Object(fields).status));
    expect(statuses).toContain(499);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    const page = (await ask(server, { path: "/metrics" })).bytes.toString();
    expect(page).toContain('status="499"');
    expect(page).not.toMatch(/status="5\d\d"/);
  });

  async function trailed(path: string, trailer: string): Promise<string> {
    const raw = await openRaw(server);
    const headers = {
      ...{ "content-type": BODY, "upload-offset": "0", "transfer-encoding": "chunked" },
      trailer: "Upload-Checksum",
    };
    raw.socket.write(rawHead(tus("PATCH", path, headers)));
    raw.socket.write(`${piece.length.toString(16)}\r\n`);
    raw.socket.write(piece);
    raw.socket.write(`\r\n0\r\n${trailer}\r\n`);
    const text = await raw.until("\r\n\r\n");
    raw.socket.destroy();
    return text.slice(9, 12);
  }

  it("stands behind the body as well, where the host has trailers", async () => {
    const path = await create();
    if (NO_TRAILERS) {
      expect(await trailed(path, `Upload-Checksum: sha256 ${right.sha256}\r\n`)).toBe("400");
      expect(await offsetOf(path)).toBe("0");
      return;
    }
    const wrong = `Upload-Checksum: sha1 ${digest("sha1", content)}\r\n`;
    expect(await trailed(path, wrong)).toBe("460");
    expect(await trailed(path, "")).toBe("400");
    expect(await trailed(path, "Upload-Checksum: md4 AAAA\r\n")).toBe("400");
    expect(await offsetOf(path)).toBe("0");
    expect(await trailed(path, `Upload-Checksum: sha256 ${right.sha256}\r\n`)).toBe("204");
    expect(await offsetOf(path)).toBe(String(piece.length));
  });
});

describe("termination", () => {
  it("ends what is unfinished, and removes what is a file", async () => {
    const open = await create();
    await patch(open, 0, 999);
    expect((await ask(server, tus("DELETE", open))).status).toBe(204);
    expect((await head(open)).status).toBe(410);
    expect((await patch(open, 999, 1000)).status).toBe(410);
    const whole = await create();
    const last = await patch(whole, 0, content.length);
    expect((await ask(server, tus("DELETE", whole))).status).toBe(204);
    expect((await head(whole)).status).toBe(404);
    const file = String(last.headers["content-location"]);
    expect((await ask(server, { path: file })).status).toBe(404);
  });
});

describe("beside the own API", () => {
  const own = (path: string) => `/v1/uploads/${path.slice(5)}`;

  async function statusOf(path: string): Promise<UploadView> {
    return decodeUpload((await ask(server, { path: own(path) })).json);
  }

  /** All parts that are missing, and then complete. */
  async function finishByParts(path: string): Promise<UploadView> {
    const view = await statusOf(path);
    for (const [start, end] of missingRanges(view.committed)) {
      expect((await ask(server, putRequest(view, content, [start, end]))).status).toBe(200);
    }
    const done = await askJson(server, "POST", `${own(path)}/complete`, {});
    expect(done.status).toBe(200);
    return decodeUpload(done.json);
  }

  async function finishByAppends(path: string): Promise<UploadView> {
    const head = await ask(server, { method: "HEAD", path: own(path) });
    const at = Number(head.headers["upload-offset"]);
    const headers = {
      "content-type": "application/partial-upload",
      "upload-offset": String(at),
      "upload-complete": "?1",
    };
    const body = content.subarray(at);
    const done = await ask(server, { method: "PATCH", path: own(path), headers, body });
    expect(done.headers["upload-complete"]).toBe("?1");
    return statusOf(path);
  }

  async function finishByTus(path: string): Promise<UploadView> {
    const at = Number(await offsetOf(path));
    expect((await patch(path, at, content.length)).status).toBe(204);
    return statusOf(path);
  }

  const FINISHES = [
    ["parts", finishByParts],
    ["appends", finishByAppends],
    ["tus", finishByTus],
  ] as const;

  const BEGINNINGS = [
    ["tus", async () => create()],
    [
      "the own API",
      async () => {
        const wants = { name: "a", size: content.length };
        const made = await askJson(server, "POST", "/v1/uploads", wants);
        return `/tus/${decodeUpload(made.json).id}`;
      },
    ],
  ] as const;

  it.each(
    BEGINNINGS.flatMap(([by, begin]) =>
      FINISHES.map(([end, finish]) => [by, end, begin, finish] as const),
    ),
  )("begun by %s, cut, and finished by %s, it has the same root", async (_, __, begin, finish) => {
    const whole = await finishByParts(await create());
    for (const cut of [12_345, MIB, MIB + 4097]) {
      const path = await begin();
      await patch(path, 0, cut);
      const { state, file } = await finish(path);
      expect(state).toBe("complete");
      expect(file?.root).toEqual(whole.file?.root);
      expect((await head(path)).headers["content-location"]).toBe(file?.url);
    }
  });

  it("goes on by tus where parts were put in any order", async () => {
    const path = await create();
    const view = await statusOf(path);
    expect((await ask(server, putRequest(view, content, [1, 2]))).status).toBe(200);
    expect(await offsetOf(path)).toBe("0");
    const last = await patch(path, 0, content.length);
    expect(await bytesAt(last)).toEqual(Buffer.from(content));
  });

  it("says in the manifest that it came by tus", async () => {
    const path = await create();
    const last = await patch(path, 0, content.length);
    const { json } = await ask(server, {
      path: `${String(last.headers["content-location"])}/manifest`,
    });
    expect(json["provenance"]).toMatchObject({ protocol: "tus" });
  });

  it("goes on where parts were put, and the other way round", async () => {
    const path = await create();
    await patch(path, 0, 12_345);
    const { json } = await ask(server, { path: `/v1/uploads/${path.slice(5)}` });
    expect(decodeUpload(json)).toMatchObject({ state: "open", offset: 12_345 });
    const made = await askJson(server, "POST", "/v1/uploads", { name: "a", size: content.length });
    const own = `/tus/${decodeUpload(made.json).id}`;
    expect((await head(own)).headers["upload-length"]).toBe(SIZE);
    const last = await patch(own, 0, content.length);
    expect(await bytesAt(last)).toEqual(Buffer.from(content));
  });
});
