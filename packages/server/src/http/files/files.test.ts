// Downloads over HTTP: ranges, preconditions, names, manifests and proofs.
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import {
  decodeBase64,
  decodeManifest,
  decodeUpload,
  encodeDisposition,
  encodeHex,
  type FileView,
  HoldfastError,
  KIB,
  verifyInclusion,
} from "@holdfast/protocol";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pieceMs, READ_PACE } from "../pace.ts";
import { logFailure } from "../reply.ts";
import {
  ask,
  askJson,
  declines,
  openRaw,
  putRequest,
  type RawConnection,
  rawHead,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

const CONTENT = Buffer.alloc(900 * KIB);
for (let at = 0; at < CONTENT.length; at += 4) CONTENT.writeUInt32LE(at * 7, at);
const SIZE = CONTENT.length;

let server: TestServer;
let file: FileView;
let failReads = false;
beforeAll(async () => {
  const memory = createMemoryStorage();
  const read: typeof memory.read = (object, offset, ...rest) => {
    const fails = failReads && offset > 0 && object.kind === "bytes";
    return fails ? Promise.reject(new Error("EIO")) : memory.read(object, offset, ...rest);
  };
  server = await startTestServer({ parts: { storage: { ...memory, read } } });
  file = await publish(CONTENT, { name: "talk.mp4", type: "video/mp4" });
});
afterAll(() => server.close());

async function publish(content: Buffer, more: object, to = server): Promise<FileView> {
  const wants = { size: content.length, partSize: 256 * KIB, ...more };
  const view = decodeUpload((await askJson(to, "POST", "/v1/uploads", wants)).json);
  if (view.file) return view.file;
  const count = Math.ceil(content.length / (256 * KIB));
  expect((await ask(to, putRequest(view, content, [0, count]))).status).toBe(200);
  const path = `/v1/uploads/${view.id}`;
  const post = { method: "POST", path: `${path}/complete` };
  let done = decodeUpload((await ask(to, post)).json);
  // On a busy machine a proof takes longer than the answer waits for it.
  while (done.state === "completing") done = decodeUpload((await ask(to, { path })).json);
  if (!done.file) throw new Error("not complete");
  return done.file;
}

function get(headers: Record<string, string> = {}, method = "GET") {
  return ask(server, { method, path: file.url, headers });
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

describe("a file", () => {
  it("comes whole, under headers that no browser runs", async () => {
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(CONTENT)).toBe(true);
    expect(answer.headers).toMatchObject({
      "content-type": "video/mp4",
      "content-length": String(SIZE),
      "content-disposition": `attachment; filename="talk.mp4"; filename*=UTF-8''talk.mp4`,
      "content-security-policy": "sandbox; default-src 'none'",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "accept-ranges": "bytes",
      "holdfast-version": "1",
      etag: `"${encodeHex(file.root)}"`,
    });
    expect(Date.parse(answer.headers["last-modified"] ?? "")).toBeGreaterThan(0);
  });

  it("has the digest of the whole in its headers, only where that was verified", async () => {
    const sha256 = createHash("sha256").update(CONTENT).digest("hex");
    const proved = await publish(CONTENT, { name: "talk.mp4", sha256, verify: "readback" });
    expect(proved.sha256 && encodeHex(proved.sha256)).toBe(sha256);
    const digest = Buffer.from(sha256, "hex").toString("base64");
    const range = { range: "bytes=0-9" };
    for (const headers of [{}, range]) {
      const answer = await ask(server, { method: "GET", path: proved.url, headers });
      expect(answer.headers["repr-digest"]).toBe(`sha-256=:${digest}:`);
    }
    expect((await get()).headers["repr-digest"]).toBeUndefined();
  });

  it("is described by HEAD without its bytes", async () => {
    const whole = await get();
    const head = await get({}, "HEAD");
    expect(head.status).toBe(200);
    expect(head.bytes.length).toBe(0);
    const { date: _date, ...headers } = whole.headers;
    expect(head.headers).toMatchObject(headers);
    expect((await get({ range: "bytes=0-1" }, "HEAD")).headers["content-length"]).toBe(
      String(SIZE),
    );
  });

  it.each([
    ["text/html", "application/octet-stream"],
    ["image/svg+xml", "application/octet-stream"],
    ["application/xhtml+xml", "application/octet-stream"],
    ["text/javascript", "application/octet-stream"],
    ["video/mp4 ; codecs=a", "video/mp4 ; codecs=a"],
    ["text/plain; charset=utf-8", "text/plain; charset=utf-8"],
    ["IMAGE/PNG", "IMAGE/PNG"],
    ["application/json", "application/json"],
    ["application/jsonx", "application/octet-stream"],
  ])("of type %s goes out as %s", async (type, expected) => {
    const small = await publish(Buffer.from("abc"), { name: "a", type });
    const answer = await ask(server, { path: small.url });
    expect(answer.headers["content-type"]).toBe(expected);
  });

  it("that is empty has no bytes and no range", async () => {
    const empty = await publish(Buffer.alloc(0), { name: "empty" });
    const answer = await ask(server, { path: empty.url });
    expect([answer.status, answer.bytes.length]).toEqual([200, 0]);
    expect(answer.headers["content-length"]).toBe("0");
    const ranged = await ask(server, { path: empty.url, headers: { range: "bytes=0-0" } });
    expect(ranged.headers["content-range"]).toBe("bytes */0");
  });

  it("is cut off where the storage fails under way: never a whole answer with missing bytes", async () => {
    failReads = true;
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: file.url }));
    const { text } = await raw.ended();
    failReads = false;
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text.length).toBeLessThan(SIZE);
    const told = { level: "error", event: "download failed" };
    expect(server.logged).toContainEqual(expect.objectContaining(told));
  });

  it("is nobody's fault where it was deleted under way", () => {
    const levels: string[] = [];
    for (const code of ["file_not_found", "storage_failed"] as const) {
      logFailure((level) => void levels.push(level), new HoldfastError(code));
    }
    expect(levels).toEqual(["info", "error"]);
  });

  it("is let go when its reader leaves", async () => {
    for (let round = 0; round < 80; round++) {
      const raw = await openRaw(server);
      // The second one waits behind the first, and must not wait for ever.
      raw.socket.write(rawHead({ path: file.url }).repeat(2));
      await raw.until("HTTP/1.1 200");
      raw.socket.destroy();
    }
    // More readers than there are slots of memory: one that was not handed back would end here.
    expect((await get()).bytes.length).toBe(SIZE);
  });
});

const isHosts = declines("fetch", "sockets are the host's, and so is their pace");

// A test that did not run would count as failed: on that adapter there is none.
describe.each(isHosts ? [] : ["node"])("a reader that takes nothing (%s)", () => {
  it("is cut off, and its memory goes to those who read", async () => {
    const parts = { slots: createSlotPool(SLOT_SIZE) };
    const other = await startTestServer({
      http: { readPace: { bytesPerSecondMin: 256, windowMs: 2000 } },
      parts,
    });
    // More than the kernel keeps for a connection by itself.
    const content = Buffer.alloc(64 * 256 * KIB);
    const made = await publish(content, { name: "a" }, other);
    const raw = await openRaw(other);
    raw.socket.pause();
    raw.socket.write(rawHead({ path: made.url }));
    const whole = await ask(other, { path: made.url });
    expect(whole.bytes.length).toBe(content.length);
    raw.socket.destroy();
    await other.close();
  });

  it("is cut off in any reply, and a connection that is only idle is not", async () => {
    const other = await startTestServer({
      http: { readPace: { bytesPerSecondMin: 256, windowMs: 2000 } },
    });
    const idle = await openRaw(other);
    idle.socket.write(rawHead({ path: "/livez" }));
    await idle.until('{"status":"ok"}');
    const body = { name: "a", size: 100_000 * 256 * KIB, partSize: 256 * KIB };
    const view = decodeUpload((await askJson(other, "POST", "/v1/uploads", body)).json);
    // The digests of 100,000 parts, asked for more often than the kernel keeps for a connection by itself.
    const raw = await openRaw(other);
    raw.socket.pause();
    raw.socket.write(rawHead({ path: `/v1/uploads/${view.id}?digests=1` }).repeat(4));
    while ((await other.connections()) > 1) await new Promise((resolve) => setImmediate(resolve));
    idle.socket.write(rawHead({ path: "/nowhere" }));
    await idle.until("route_not_found");
    raw.socket.destroy();
    idle.socket.destroy();
    await other.close();
  });
});

describe.each(isHosts ? [] : ["node"])("a reader that takes a little now and then (%s)", () => {
  /** More than the kernel keeps for a connection by itself. */
  const content = Buffer.alloc(64 * 256 * KIB, "holdfast ");
  const tooLong = pieceMs(READ_PACE, SLOT_SIZE);

  /** Takes up to so many bytes of what has come. */
  async function take(raw: RawConnection, size: number): Promise<number> {
    let taken = 0;
    const count = (piece: Buffer) => {
      taken += piece.length;
      if (taken >= size) raw.socket.pause();
    };
    raw.socket.on("data", count).resume();
    for (let turn = 0; turn < 20 && taken < size; turn++) await nextTurn();
    raw.socket.pause().off("data", count);
    return taken;
  }

  async function beginReading(server: TestServer, url: string): Promise<RawConnection> {
    const raw = await openRaw(server);
    raw.socket.pause();
    raw.socket.write(rawHead({ path: url }));
    return raw;
  }

  it("goes on at 1 KiB/s, and is cut off below the least pace", async () => {
    const other = await startTestServer();
    const { url } = await publish(content, { name: "a" }, other);
    const raw = await beginReading(other, url);
    while (other.timers() === 0) await nextTurn();
    let taken = 0;
    for (let seconds = 0; seconds < 8_000; seconds += 64) {
      taken += await take(raw, 64 * KIB);
      other.clock.advance(64_000);
      await nextTurn();
    }
    expect(taken).toBeGreaterThan(7_000 * KIB);
    expect(await other.connections()).toBe(1);
    const first = Math.ceil(tooLong / 10);
    for (let round = 0; round < 12; round++) {
      await take(raw, 1);
      other.clock.advance(first);
      await nextTurn();
    }
    await expect.poll(other.connections, { timeout: 10_000 }).toBe(0);
    expect(other.logged).toContainEqual(
      expect.objectContaining({ level: "info", event: "download ended" }),
    );
    await other.close();
  });

  it("is one of 1,000: memory stays bounded, whoever reads gets all, and they end", async () => {
    const readSlots = createSlotPool(8 * SLOT_SIZE);
    const other = await startTestServer({ parts: { readSlots } });
    const { url } = await publish(content, { name: "a" }, other);
    const before = process.memoryUsage().external;
    const slow: RawConnection[] = [];
    while (slow.length < 1000) {
      slow.push(...(await Promise.all(Array.from({ length: 50 }, () => beginReading(other, url)))));
    }
    // One timer each: all of them wait for their reader.
    await expect.poll(other.timers, { timeout: 20_000 }).toBe(1000);
    // 16 KiB for each, and some 48 KiB that this end has read ahead. A slot for each would be 256 KiB.
    const grown = process.memoryUsage().external - before;
    expect(grown / 1000).toBeLessThan(96 * KIB);
    expect((await ask(other, { path: url })).bytes.equals(content)).toBe(true);
    // A proof is read through memory of its own: nobody waits for a thousand slow readers.
    expect(readSlots.lent()).toBe(6);
    expect((await ask(other, { path: `${url}/manifest?proof=1` })).status).toBe(200);
    other.clock.advance(tooLong);
    await expect.poll(other.connections, { timeout: 20_000 }).toBe(0);
    await expect.poll(readSlots.lent).toBe(0);
    for (const { socket } of slow) socket.destroy();
    await other.close();
  }, 60_000);
});

describe("ranges", () => {
  it.each([
    ["bytes=0-0", 0, 1],
    ["bytes=0-9", 0, 10],
    ["bytes=262143-262144", 262_143, 262_145],
    ["bytes=10-", 10, SIZE],
    [`bytes=0-${SIZE - 1}`, 0, SIZE],
    [`bytes=0-${SIZE * 9}`, 0, SIZE],
    ["bytes=-5", SIZE - 5, SIZE],
    [`bytes=-${SIZE * 9}`, 0, SIZE],
    [`bytes=${SIZE - 1}-`, SIZE - 1, SIZE],
  ])("%s", async (range, start, end) => {
    const answer = await get({ range });
    expect(answer.status).toBe(206);
    expect(answer.headers["content-range"]).toBe(`bytes ${start}-${end - 1}/${SIZE}`);
    expect(answer.headers["content-length"]).toBe(String(end - start));
    expect(answer.bytes.equals(CONTENT.subarray(start, end))).toBe(true);
  });

  it.each([
    "bytes=0-1,x",
    "bytes=5-3",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=1.5-3",
    "items=0-1",
    "bytes 0-1",
    "bytes=0x0-0x1",
  ])("%s is passed over", async (range) => {
    const answer = await get({ range });
    expect([answer.status, answer.bytes.length]).toEqual([200, SIZE]);
  });

  it.each([`bytes=${SIZE}-`, "bytes=99999999999999999999-", "bytes=-0"])(
    "%s is outside",
    async (range) => {
      const answer = await get({ range });
      expect(answer.status).toBe(416);
      expect(answer.headers["content-range"]).toBe(`bytes */${SIZE}`);
    },
  );
});

describe("several ranges", () => {
  /** The parts of a body, each with its header fields, read as RFC 2046 section 5.1.1 says. */
  function partsOf(type: string, body: Buffer) {
    const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{32})$/.exec(type)?.[1] ?? "";
    const text = body.toString("latin1");
    const [before, ...parts] = `\r\n${text}`.split(`\r\n--${boundary}`);
    expect([before, parts.pop()]).toEqual(["", "--\r\n"]);
    return parts.map((part) => {
      const end = part.indexOf("\r\n\r\n");
      const lines = part.slice(2, end).split("\r\n");
      const fields = Object.fromEntries(lines.map((line) => line.toLowerCase().split(": ")));
      return { fields, bytes: Buffer.from(part.slice(end + 4), "latin1") };
    });
  }

  it.each<[string, readonly (readonly [number, number])[]]>([
    [
      "bytes=0-0,10-19",
      [
        [0, 1],
        [10, 20],
      ],
    ],
    [
      "bytes=10-19,0-0,-5",
      [
        [10, 20],
        [0, 1],
        [SIZE - 5, SIZE],
      ],
    ],
    [
      `bytes=0-9, 262140-262149,${SIZE}-`,
      [
        [0, 10],
        [262_140, 262_150],
      ],
    ],
    [
      "bytes=0-299999,300005-",
      [
        [0, 300_000],
        [300_005, SIZE],
      ],
    ],
  ])("%s are parts of one body", async (range, expected) => {
    const answer = await get({ range });
    expect(answer.status).toBe(206);
    expect(answer.headers["content-range"]).toBeUndefined();
    expect(answer.headers["content-length"]).toBe(String(answer.bytes.length));
    const etag = `"${encodeHex(file.root)}"`;
    expect(answer.headers).toMatchObject({ etag, "x-content-type-options": "nosniff" });
    const parts = partsOf(answer.headers["content-type"] ?? "", answer.bytes);
    expect(parts.map(({ fields }) => fields)).toEqual(
      expected.map(([start, end]) => ({
        "content-type": "video/mp4",
        "content-range": `bytes ${start}-${end - 1}/${SIZE}`,
      })),
    );
    for (const [at, [start, end]] of expected.entries()) {
      expect(parts[at]?.bytes.equals(CONTENT.subarray(start, end))).toBe(true);
    }
  });

  it.each([
    ["bytes=0-9,5-14", 0, 15],
    ["bytes=0-9,10-14", 0, 15],
    [`bytes=0-9,${SIZE}-`, 0, 10],
    ["bytes=,0-9,", 0, 10],
  ])("%s are one", async (range, start, end) => {
    const answer = await get({ range });
    expect(answer.status).toBe(206);
    expect(answer.headers["content-type"]).toBe("video/mp4");
    expect(answer.headers["content-range"]).toBe(`bytes ${start}-${end - 1}/${SIZE}`);
    expect(answer.bytes.equals(CONTENT.subarray(start, end))).toBe(true);
  });

  it.each([
    `bytes=${SIZE}-,${SIZE * 2}-`,
    "bytes=0-,0-,0-",
    "bytes=0-9,1-9,2-9",
    `bytes=${Array.from({ length: 65 }, (_, at) => `${at * 2}-${at * 2}`).join(",")}`,
    `bytes=0-0${",".repeat(5000)}`,
  ])("%.40s are refused", async (range) => {
    const answer = await get({ range });
    expect(answer.status).toBe(416);
    expect(answer.headers["content-range"]).toBe(`bytes */${SIZE}`);
    expect(answer.json).toMatchObject({ code: "range_not_satisfiable" });
  });

  it("of a type that a browser would run are of no such type in their parts either", async () => {
    const page = await publish(Buffer.from("<script>alert(1)</script>"), {
      name: "a.html",
      type: "text/html",
    });
    const headers = { range: "bytes=0-1,4-5" };
    const answer = await ask(server, { path: page.url, headers });
    const parts = partsOf(answer.headers["content-type"] ?? "", answer.bytes);
    expect(parts.map(({ fields }) => fields["content-type"])).toEqual([
      "application/octet-stream",
      "application/octet-stream",
    ]);
    expect(answer.bytes.includes("text/html")).toBe(false);
  });

  it("have another boundary each time: nobody can have written it into the file", async () => {
    const types = new Set<string | undefined>();
    for (let round = 0; round < 4; round++) {
      types.add((await get({ range: "bytes=0-0,2-2" })).headers["content-type"]);
    }
    expect(types.size).toBe(4);
  });

  it("hold what If-Range and If-Match say", async () => {
    const range = "bytes=0-0,2-2";
    const own = `"${encodeHex(file.root)}"`;
    expect((await get({ range, "if-range": own })).status).toBe(206);
    expect((await get({ range, "if-range": '"a"' })).status).toBe(200);
    expect((await get({ range, "if-match": '"a"' })).status).toBe(412);
    expect((await get({ range, "if-none-match": own })).status).toBe(304);
  });
});

describe("preconditions", () => {
  const own = () => `"${encodeHex(file.root)}"`;
  const after = "Fri, 01 Jan 2100 00:00:00 GMT";
  const before = "Fri, 01 Jan 2010 00:00:00 GMT";
  const noDay = "Fri, 31 Feb 2100 00:00:00 GMT";
  const asctime = "Fri Jan  1 00:00:00 2100";
  const rfc850 = "Friday, 01-Jan-10 00:00:00 GMT";
  it.each<[string, () => Record<string, string>, number]>([
    ["If-Match: its own", () => ({ "if-match": own() }), 200],
    ["If-Match: one of many", () => ({ "if-match": `"a", ${own()}` }), 200],
    ["If-Match: *", () => ({ "if-match": "*" }), 200],
    ["If-Match: another", () => ({ "if-match": '"a"' }), 412],
    ["If-Match: weak", () => ({ "if-match": `W/${own()}` }), 412],
    [
      "If-Match: another, If-None-Match: own",
      () => ({ "if-match": '"a"', "if-none-match": own() }),
      412,
    ],
    ["If-Unmodified-Since: after", () => ({ "if-unmodified-since": after }), 200],
    ["If-Unmodified-Since: before", () => ({ "if-unmodified-since": before }), 412],
    ["If-Unmodified-Since: nonsense", () => ({ "if-unmodified-since": "yesterday" }), 200],
    ["If-None-Match: its own", () => ({ "if-none-match": own() }), 304],
    ["If-None-Match: weak", () => ({ "if-none-match": `W/${own()}` }), 304],
    ["If-None-Match: *", () => ({ "if-none-match": "*" }), 304],
    ["If-None-Match: another", () => ({ "if-none-match": '"a"' }), 200],
    ["If-Modified-Since: after", () => ({ "if-modified-since": after }), 304],
    ["If-Modified-Since: before", () => ({ "if-modified-since": before }), 200],
    ["If-Modified-Since: nonsense", () => ({ "if-modified-since": "2100-01-01T00:00:00Z" }), 200],
    ["If-Modified-Since: no such day", () => ({ "if-modified-since": noDay }), 200],
    ["If-Modified-Since: after, as of old", () => ({ "if-modified-since": asctime }), 304],
    ["If-Unmodified-Since: before, as of old", () => ({ "if-unmodified-since": rfc850 }), 412],
    [
      "If-Match stands over If-Unmodified-Since",
      () => ({ "if-match": own(), "if-unmodified-since": before }),
      200,
    ],
    ["If-Match: no tag", () => ({ "if-match": encodeHex(file.root) }), 412],
    [
      "If-None-Match stands over If-Modified-Since",
      () => ({ "if-none-match": '"a"', "if-modified-since": after }),
      200,
    ],
    ["If-Range: its own", () => ({ range: "bytes=0-1", "if-range": own() }), 206],
    ["If-Range: another", () => ({ range: "bytes=0-1", "if-range": '"a"' }), 200],
    ["If-Range: weak", () => ({ range: "bytes=0-1", "if-range": `W/${own()}` }), 200],
    ["If-Range: another date", () => ({ range: "bytes=0-1", "if-range": after }), 200],
    [
      "If-Range: another, range outside",
      () => ({ range: "bytes=9999999-", "if-range": '"a"' }),
      200,
    ],
    ["If-Match: its own, with a range", () => ({ range: "bytes=0-1", "if-match": own() }), 206],
  ])("%s", async (_name, headers, expected) => {
    const answer = await get(headers());
    expect(answer.status).toBe(expected);
    if (expected === 304) {
      expect(answer.bytes.length).toBe(0);
      expect(answer.headers.etag).toBe(own());
      // RFC 9110 section 15.4.5: what would tell of the bytes does not come where they do not.
      expect(answer.headers["content-type"]).toBeUndefined();
      expect(answer.headers["content-disposition"]).toBeUndefined();
      expect(answer.headers["cache-control"]).toBe("private, no-cache");
    }
  });

  it("take If-Range by the date that was told, and by no other", async () => {
    const date = (await get()).headers["last-modified"] ?? "";
    const by = async (ms: number) => {
      const other = new Date(Date.parse(date) + ms).toUTCString();
      return (await get({ range: "bytes=0-1", "if-range": other })).status;
    };
    expect([await by(0), await by(1000), await by(-1000)]).toEqual([206, 200, 200]);
    expect((await get({ range: "bytes=0-1", "if-range": "*" })).status).toBe(200);
    const isSame = { "if-modified-since": date, "if-unmodified-since": date };
    expect((await get(isSame)).status).toBe(304);
  });
});

describe("names", () => {
  /** What RFC 8187 says that a client reads. */
  function parseExtended(field: string): string {
    return decodeURIComponent(
      /filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]*)$/.exec(field)?.[1] ?? "",
    );
  }

  it.each(["a.txt", 'a"b%20.txt', "naïve café.txt", "日本語.mp4", "🎬 'x' (1)*;=,.mov", " a "])(
    "%s comes back as it was",
    async (name) => {
      const made = await publish(Buffer.from("abc"), { name });
      const answer = await ask(server, { method: "HEAD", path: made.url });
      const field = answer.headers["content-disposition"] ?? "";
      expect(parseExtended(field)).toBe(name);
      expect(field).toMatch(/^attachment; filename="[\x20-\x7e]*"; filename\*=/);
    },
  );

  it("of any kind are safe in a header", () => {
    const names = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(names, (name) => {
        const field = encodeDisposition(name);
        const fallback = /^attachment; filename="([^"\\%\r\n]*)"; filename\*=UTF-8''/.exec(field);
        expect(fallback).not.toBeNull();
        expect(field).toMatch(/^[\x20-\x7e]*$/);
        expect(parseExtended(field)).toBe(name);
      }),
    );
  });
});

describe("a manifest", () => {
  const path = () => `${file.url}/manifest`;

  it("tells the file's parts and has an ETag of its own", async () => {
    const answer = await ask(server, { path: path() });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    const manifest = decodeManifest(sha256, answer.bytes.toString());
    expect(encodeHex(manifest.root)).toBe(encodeHex(file.root));
    const etag = answer.headers.etag ?? "";
    expect(etag).toBe(`"${encodeHex(sha256(answer.bytes))}"`);
    const again = await ask(server, { path: path(), headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
    const head = await ask(server, { method: "HEAD", path: path() });
    expect(head.headers["content-length"]).toBe(String(answer.bytes.length));
  });

  it("proves any one part", async () => {
    for (let index = 0; index < 4; index++) {
      const { json } = await ask(server, { path: `${path()}?proof=${index}` });
      const { proof, digest, size, partSize, root } = json;
      expect([json["index"], size, partSize, root]).toEqual([
        index,
        SIZE,
        256 * KIB,
        encodeHex(file.root),
      ]);
      const part = CONTENT.subarray(index * 256 * KIB, (index + 1) * 256 * KIB);
      expect(digest).toBe(Buffer.from(sha256(part)).toString("base64"));
      const nodes = Array.isArray(proof) ? proof.map((node) => decodeBase64(String(node))) : [];
      const inclusion = {
        size: SIZE,
        partSize: 256 * KIB,
        algorithm: "sha-256",
        index,
        digest: sha256(part),
        proof: nodes.filter((node) => node !== undefined),
      } as const;
      expect(verifyInclusion(sha256, inclusion, file.root)).toBe(true);
    }
  });

  it.each([
    ["4", "part_out_of_range"],
    ["-1", "invalid_request"],
    ["1.5", "invalid_request"],
    ["", "invalid_request"],
    ["99999999999", "invalid_request"],
  ])("has no proof for part %s", async (index, code) => {
    const answer = await ask(server, { path: `${path()}?proof=${index}` });
    expect(answer.json).toMatchObject({ code });
  });
});
