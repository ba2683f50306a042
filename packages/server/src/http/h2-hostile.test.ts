// HTTP/2 from somebody who means harm: frame by frame, what no client sends. The server stays, others are served, and nothing is made of what was no request.
import { type ClientHttp2Session, connect as connectH2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Policy } from "@holdfast/engine";
import { KIB, MIB } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTokenPolicy } from "../policy/policy.ts";
import { KEEP_ALIVE_MS } from "./node.ts";
import { LINGER } from "./reply.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "./server.fixture.ts";

const { NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

let server: TestServer;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(options: TestServerOptions = {}): Promise<void> {
  server = await startTestServer({ ...options, isH2: true });
  ends.push(server.close);
}

const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
};
const END_STREAM = 1;
const END_HEADERS = 4;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

type Field = readonly [name: string, value: string];

/** As literals that nobody remembers (RFC 7541 section 6.2.2). */
function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  );
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([length(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits (RFC 7541 section 5.1). */
function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

interface Raw {
  readonly socket: Socket;
  send(...frames: readonly Uint8Array[]): void;
  /** Frames that came, without what they carry: type, stream, and the code of a reset. */
  frames(): readonly { readonly type: number; readonly stream: number; readonly code: number }[];
  isClosed(): boolean;
}

async function open(): Promise<Raw> {
  const socket = connect({ port: server.port, host: "127.0.0.1" });
  ends.push(() => socket.destroy());
  let came: Buffer = Buffer.alloc(0);
  let isClosed = false;
  socket.on("data", (piece: Buffer) => {
    came = Buffer.concat([came, piece]);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(FRAME.settings, 0, 0, Buffer.alloc(0)));
  return {
    socket,
    send: (...frames) => void socket.write(Buffer.concat(frames)),
    isClosed: () => isClosed,
    frames() {
      const found = [];
      for (let at = 0; at + 9 <= came.length; ) {
        const size = came.readUIntBE(at, 3);
        const type = came.readUInt8(at + 3);
        const code = type === FRAME.reset ? came.readUInt32BE(at + 9) : 0;
        found.push({ type, stream: came.readUInt32BE(at + 5), code });
        at += 9 + size;
      }
      return found;
    },
  };
}

async function well(): Promise<ClientHttp2Session> {
  // What it has to send waits here as well.
  const session = connectH2(`http://127.0.0.1:${server.port}`, { maxSessionMemory: 1_000 });
  session.on("error", () => undefined);
  ends.push(() => session.destroy());
  await new Promise<void>((resolve) => session.once("connect", () => resolve()));
  return session;
}

type Fields = Readonly<Record<string, string>>;

interface Heard {
  readonly status: number;
  readonly body: string;
}

/** Rejects where the stream is reset. */
function ask(session: ClientHttp2Session, fields: Fields, body?: Uint8Array): Promise<Heard> {
  const stream = session.request(fields, { endStream: body === undefined });
  const pieces: Buffer[] = [];
  return new Promise((resolve, reject) => {
    let status = 0;
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
    });
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("error", reject);
    stream.on("end", () => resolve({ status, body: Buffer.concat(pieces).toString() }));
    if (body) stream.end(body);
  });
}

/** Whoever means well is served as before. */
async function expectServed(): Promise<void> {
  expect((await ask(await well(), { ":path": "/livez" })).status).toBe(200);
}

const CREATE: readonly Field[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/v1/files"],
  [":authority", "localhost"],
  ["upload-complete", "?1"],
];

const without = (name: string) => CREATE.filter(([one]) => one !== name);
const other = (name: string, value: string) =>
  CREATE.map((field): Field => (field[0] === name ? [name, value] : field));

describe("what is no request", () => {
  beforeEach(() => start());

  it.each<readonly [string, readonly Field[], string]>([
    ["has no path", without(":path"), "hello"],
    ["has no method", without(":method"), "hello"],
    ["has no scheme", without(":scheme"), "hello"],
    ["has two paths", [[":path", "/livez"], ...CREATE], "hello"],
    ["has two methods", [[":method", "GET"], ...CREATE], "hello"],
    ["has two authorities", [[":authority", "elsewhere"], ...CREATE], "hello"],
    ["has an empty path", other(":path", ""), "hello"],
    ["has a line's end in its path", other(":path", "/v1/files HTTP/1.1\r\nA: b"), "hello"],
    ["has another host than its authority", [...CREATE, ["host", "elsewhere"]], "hello"],
    ["has a pseudo header that there is not", [[":x", "1"], ...CREATE], "hello"],
    ["has a pseudo header of answers", [[":status", "200"], ...CREATE], "hello"],
    ["has a pseudo header behind a field", [["a", "1"], ...CREATE], "hello"],
    ["has a name in upper case", [...CREATE, ["A", "1"]], "hello"],
    ["is framed as in HTTP/1.1", [...CREATE, ["transfer-encoding", "chunked"]], "hello"],
    ["names its connection", [...CREATE, ["connection", "close"]], "hello"],
    ["would be another protocol", [...CREATE, ["upgrade", "h2c"]], "hello"],
    ["has a length that is none", [...CREATE, ["content-length", "+5"]], "hello"],
    ["has two lengths", [...CREATE, ["content-length", "5"], ["content-length", "6"]], "hello"],
    ["has fewer bytes than it says", [...CREATE, ["content-length", "6"]], "hello"],
    ["has more bytes than it says", [...CREATE, ["content-length", "4"]], "hello"],
    ["is a tunnel", other(":method", "CONNECT"), "hello"],
  ])("%s: refused, and nothing comes of it", async (_, fields, body) => {
    const { send, frames, isClosed } = await open();
    send(frame(FRAME.headers, END_HEADERS, 1, block(fields)));
    send(frame(FRAME.data, END_STREAM, 1, Buffer.from(body)));
    const isAnswered = () =>
      isClosed() ||
      frames().some(({ type, stream }) => stream === 1 && type !== FRAME.data && type !== 8);
    await expect.poll(isAnswered, { timeout: 15_000 }).toBe(true);
    const list = await ask(await well(), { ":path": "/v1/files" });
    expect([list.status, JSON.parse(list.body).files]).toEqual([200, []]);
  });

  it("is reset with its own stream alone: the next one on that connection is answered", async () => {
    const { send, frames } = await open();
    const bad = block([...CREATE, ["transfer-encoding", "chunked"]]);
    send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, bad));
    const live = other(":path", "/livez").map(
      (field): Field => (field[0] === ":method" ? [":method", "GET"] : field),
    );
    send(frame(FRAME.headers, END_HEADERS | END_STREAM, 3, block(live)));
    const of = (stream: number) => frames().filter((one) => one.stream === stream);
    await expect.poll(() => of(3).map(({ type }) => type)).toContain(FRAME.headers);
    expect(of(1)).toEqual([{ type: FRAME.reset, stream: 1, code: NGHTTP2_PROTOCOL_ERROR }]);
  });
});

describe("floods", () => {
  beforeEach(() => start());

  it("of streams that are reset at once end with their connection", async () => {
    const { send, frames, isClosed } = await open();
    const live = block([
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/livez"],
      [":authority", "localhost"],
    ]);
    for (let stream = 1; stream < 20_000 && !isClosed(); stream += 2) {
      send(
        frame(FRAME.headers, END_HEADERS | END_STREAM, stream, live),
        frame(FRAME.reset, 0, stream, Buffer.from([0, 0, 0, 8])),
      );
    }
    await expect.poll(isClosed, { timeout: 15_000 }).toBe(true);
    expect(frames().map(({ type }) => type)).toContain(FRAME.goAway);
    await expectServed();
  });

  it("of headers without an end end with their connection", async () => {
    const { send, isClosed } = await open();
    send(frame(FRAME.headers, 0, 1, block(CREATE)));
    const more = block([["a", "x".repeat(1_000)]]);
    for (let count = 0; count < 5_000 && !isClosed(); count++) {
      send(frame(FRAME.continuation, 0, 1, more));
    }
    await expect.poll(isClosed, { timeout: 15_000 }).toBe(true);
    await expectServed();
  });

  it("of pings and settings harm nobody else", async () => {
    const { send, isClosed, socket } = await open();
    socket.pause();
    const few = Buffer.concat([
      frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
      frame(FRAME.settings, 0, 0, Buffer.alloc(0)),
    ]);
    for (let count = 0; count < 20_000 && !isClosed(); count++) send(few);
    await expectServed();
  });
});

describe("headers", () => {
  beforeEach(() => start());

  it("that unpack to more than there may be are refused", async () => {
    const { send, frames, isClosed } = await open();
    // Once in full, remembered; then by its number a thousand times: 4 MiB out of a kilobyte.
    const once = Buffer.concat([Buffer.from([0x40]), text("bomb"), text("x".repeat(3_900))]);
    const bomb = Buffer.concat([block(CREATE), once, Buffer.alloc(1_000, 0x80 | 62)]);
    send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, bomb));
    const isReset = () => frames().some(({ type, stream }) => type === FRAME.reset && stream === 1);
    await expect.poll(() => isReset() || isClosed(), { timeout: 15_000 }).toBe(true);
    const list = await ask(await well(), { ":path": "/v1/files" });
    expect(JSON.parse(list.body).files).toEqual([]);
  });

  it("that are many are refused", async () => {
    const session = await well();
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`a-${at}`, "x"]));
    await expect(ask(session, { ":path": "/livez", ...many })).rejects.toThrow();
    await expectServed();
  });
});

describe("a connection that asks for nothing", () => {
  beforeEach(() => start());

  it.each<readonly [string, (raw: Raw) => void]>([
    ["is silent", () => undefined],
    ["pings now and then", ({ send }) => send(frame(FRAME.ping, 0, 0, Buffer.alloc(8)))],
    ["sends headers that never end", ({ send }) => send(frame(FRAME.headers, 0, 1, block(CREATE)))],
  ])("and %s is closed after a while", async (_, act) => {
    const raw = await open();
    // Its greeting has come.
    await expect.poll(() => raw.frames().length).toBeGreaterThan(0);
    server.clock.advance(KEEP_ALIVE_MS / 2);
    act(raw);
    await expectServed();
    server.clock.advance(KEEP_ALIVE_MS / 2 + 1);
    server.clock.advance(LINGER.ms);
    await expect.poll(raw.isClosed, { timeout: 15_000 }).toBe(true);
  });

  it("is kept while a request of it is under way", async () => {
    const session = await well();
    const stream = session.request({
      ...{ ":method": "POST", ":path": "/v1/files", "upload-complete": "?1" },
      "content-length": "10",
    });
    stream.on("error", () => undefined);
    stream.write("hello");
    await expect.poll(() => ask(session, { ":path": "/livez" })).toMatchObject({ status: 200 });
    server.clock.advance(KEEP_ALIVE_MS / 4);
    expect(session.destroyed || session.closed).toBe(false);
    const answer = new Promise((resolve) => stream.once("response", resolve));
    stream.end("world");
    expect(await answer).toMatchObject({ ":status": 201 });
  });
});

const CREATE_H2 = { ":method": "POST", ":path": "/v1/files", "upload-complete": "?1" };

/** Who asks whether a token is good may have to wait for an answer. */
function slowPolicy(isKnown: Promise<void>): Policy {
  const policy = createTokenPolicy({ token: undefined });
  return {
    ...policy,
    async authenticate(sent) {
      if (sent === "Bearer slow") await isKnown;
      return policy.authenticate(undefined);
    },
  };
}

describe("bodies that nobody reads yet", () => {
  it("keep neither other bodies nor other requests of their connection waiting", {
    timeout: 60_000,
  }, async () => {
    const { promise: isKnown, resolve } = Promise.withResolvers<void>();
    await start({ parts: { policy: slowPolicy(isKnown) } });
    const session = await well();
    const body = Buffer.alloc(MIB, 7);
    const slow = Array.from({ length: 18 }, () =>
      ask(session, { ...CREATE_H2, authorization: "Bearer slow" }, body),
    );
    // More than the window of the connection.
    const sent = () => session.socket?.bytesWritten ?? 0;
    await expect.poll(sent, { timeout: 15_000 }).toBeGreaterThan(17 * MIB);
    const quick = await ask(session, CREATE_H2, Buffer.alloc(300 * KIB, 8));
    expect(quick.status).toBe(201);
    expect((await ask(session, { ":path": "/livez" })).status).toBe(200);
    resolve();
    for (const { status } of await Promise.all(slow)) expect(status).toBe(201);
  });

  it("never hold more than there may be: those that hold most are refused", async () => {
    const { promise: isKnown, resolve } = Promise.withResolvers<void>();
    const policy = slowPolicy(isKnown);
    const windows = { streamsMax: 1_000, unreadMax: 4 * MIB };
    await start({ parts: { policy }, http: { windows } });
    const session = await well();
    const slow = Array.from({ length: 12 }, () =>
      ask(session, { ...CREATE_H2, authorization: "Bearer slow" }, Buffer.alloc(MIB, 7)),
    );
    await expect
      .poll(() => session.socket?.bytesWritten ?? 0, { timeout: 15_000 })
      .toBeGreaterThan(12 * MIB);
    // What the kernel holds comes in the next turns.
    expect((await ask(session, { ":path": "/livez" })).status).toBe(200);
    server.clock.advance(1_000);
    resolve();
    const answers = await Promise.all(slow);
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBe(8);
    for (const { body } of refused) expect(JSON.parse(body).code).toBe("overloaded");
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(4);
  });

  it("have small windows while there are many of them", async () => {
    const { promise: isKnown, resolve } = Promise.withResolvers<void>();
    const windows = { streamsMax: 4, unreadMax: 128 * MIB };
    await start({ parts: { policy: slowPolicy(isKnown) }, http: { windows } });
    const session = await well();
    const window = () => session.remoteSettings.initialWindowSize;
    const slow = Array.from({ length: 6 }, () =>
      ask(session, { ...CREATE_H2, authorization: "Bearer slow" }, Buffer.alloc(300 * KIB, 7)),
    );
    await expect.poll(window).toBe(64 * KIB);
    const late = await well();
    await expect.poll(() => late.remoteSettings.initialWindowSize).toBe(64 * KIB);
    resolve();
    for (const { status } of await Promise.all(slow)) expect(status).toBe(201);
    server.clock.advance(5_000);
    await expect.poll(window).toBe(MIB);
  });
});

describe("a peer that never acknowledges the settings", () => {
  it("has no more streams than others, and the windows of before", async () => {
    const { promise: isKnown, resolve } = Promise.withResolvers<void>();
    await start({ parts: { policy: slowPolicy(isKnown) } });
    const { send, frames, isClosed } = await open();
    const slow = block([...CREATE, ["authorization", "Bearer slow"]]);
    const ids = Array.from({ length: 40 }, (_, at) => 2 * at + 1);
    for (const id of ids) send(frame(FRAME.headers, END_HEADERS, id, slow));
    const resets = (wanted: number) =>
      frames()
        .filter(({ type, code }) => type === FRAME.reset && code === wanted)
        .map(({ stream }) => stream);
    await expect
      .poll(() => resets(NGHTTP2_REFUSED_STREAM), { timeout: 15_000 })
      .toEqual(ids.slice(32));
    // More than that window and what a stream takes in before it is read.
    for (let count = 0; count < 16; count++) {
      send(frame(FRAME.data, 0, 1, Buffer.alloc(16 * KIB)));
    }
    await expect.poll(isClosed, { timeout: 15_000 }).toBe(true);
    expect(frames().map(({ type }) => type)).toContain(FRAME.goAway);
    resolve();
    await expectServed();
  });
});

describe("who resets what he reads", () => {
  beforeEach(() => start());

  it("never gets what is read for others afterwards, in the memory that was his", {
    timeout: 30_000,
  }, async () => {
    const others = await well();
    const made = async (size: number, value: number) => {
      const { body } = await ask(others, CREATE_H2, Buffer.alloc(size, value));
      return String(JSON.parse(body).url);
    };
    // More than two kernels hold.
    const [his, theirs] = [await made(24 * MIB, 0xaa), await made(MIB, 0xbb)];
    const { socket, send } = await open();
    const pieces: Buffer[] = [];
    socket.removeAllListeners("data").on("data", (piece: Buffer) => pieces.push(piece));
    socket.pause();
    const get: readonly Field[] = [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", his],
      [":authority", "localhost"],
    ];
    send(
      frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
      frame(FRAME.windowUpdate, 0, 0, Buffer.from([0x3f, 0xff, 0xff, 0xff])),
      frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block(get)),
    );
    await sleep(500);
    send(frame(FRAME.reset, 0, 1, Buffer.from([0, 0, 0, 8])));
    await sleep(200);
    expect((await ask(others, { ":path": theirs })).status).toBe(200);
    socket.resume();
    send(frame(FRAME.ping, 0, 0, Buffer.from("the end!")));
    const came = () => Buffer.concat(pieces);
    await expect.poll(() => came().includes("the end!"), { timeout: 15_000 }).toBe(true);
    expect(came().includes(Buffer.alloc(100, 0xaa))).toBe(true);
    expect(came().includes(Buffer.alloc(100, 0xbb))).toBe(false);
  });
});
