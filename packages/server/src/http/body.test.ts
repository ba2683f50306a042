// Bodies over real connections, in virtual time: backpressure, stalls, cuts, endings.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { HoldfastError, KIB, MIB } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { createRequestBody, type RequestBody } from "./body.ts";
import { fromRequest } from "./body-source.ts";
import { PACE } from "./pace.ts";

let open: { server: Server; socket: Socket }[] = [];
afterEach(() => {
  for (const { server, socket } of open) {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  }
  open = [];
});

interface Incoming {
  readonly body: RequestBody;
  readonly req: IncomingMessage;
  readonly socket: Socket;
  readonly clock: VirtualClock;
  readonly firstReads: () => number;
}

async function receive(head: string): Promise<Incoming> {
  const clock = createVirtualClock();
  let reads = 0;
  const onFirstRead = () => reads++;
  const incoming = Promise.withResolvers<Omit<Incoming, "socket">>();
  const server = createServer((req) => {
    const body = createRequestBody(fromRequest(req), { clock, pace: PACE, onFirstRead });
    incoming.resolve({ body, req, clock, firstReads: () => reads });
  });
  server.on("clientError", (_error, connection) => connection.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  open.push({ server, socket });
  socket.write(`PUT / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`);
  return { ...(await incoming.promise), socket };
}

async function turns(count = 20): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resolve) => setImmediate(resolve));
}

describe("a body", () => {
  it("fills buffers of any size with the bytes in order", async () => {
    const content = Buffer.alloc(300 * KIB);
    for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
    const sizes = fc.array(fc.integer({ min: 1, max: 200 * KIB }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, async (fills) => {
        const { body, socket } = await receive(`Content-Length: ${content.length}`);
        socket.write(content);
        const pieces: Uint8Array[] = [];
        for (let turn = 0; await body.ready(); turn++) {
          const into = new Uint8Array(fills[turn % fills.length] ?? 1);
          const filled = await body.fill(into);
          pieces.push(into.subarray(0, filled));
        }
        expect(Buffer.concat(pieces).equals(content)).toBe(true);
        expect(body.stopped()).toBeUndefined();
        socket.destroy();
      }),
      { numRuns: 20 },
    );
  });

  it("does not read on while nobody takes what came", async () => {
    const { body, req, socket } = await receive(`Content-Length: ${64 * MIB}`);
    const piece = Buffer.alloc(MIB);
    let accepted = 0;
    const push = () => {
      while (accepted < 64 * MIB && socket.write(piece)) accepted += piece.length;
    };
    socket.on("drain", push);
    expect(await Promise.all([body.ready(), push()])).toEqual([true, undefined]);
    await turns(200);
    const before = req.socket.bytesRead;
    await turns(200);
    expect(req.socket.bytesRead).toBe(before);
    expect(before).toBeLessThan(MIB);
  });

  it("knows its size, or that it does not", async () => {
    expect((await receive("Content-Length: 5")).body).toMatchObject({ size: 5, isExact: true });
    expect((await receive("X: y")).body).toMatchObject({ size: 0, isExact: true });
    const chunked = (await receive("Transfer-Encoding: chunked")).body;
    expect(chunked).toMatchObject({ size: undefined, isExact: false });
  });

  it("ends where its last chunk ends", async () => {
    const { body, socket } = await receive("Transfer-Encoding: chunked");
    socket.write("3\r\nabc\r\n0\r\n\r\n");
    const into = new Uint8Array(10);
    expect(await body.fill(into)).toBe(3);
    expect(await body.ready()).toBe(false);
    expect(body.stopped()).toBeUndefined();
  });

  it("is asked for once, when somebody wants it", async () => {
    const { body, socket, firstReads } = await receive("Content-Length: 2");
    await turns();
    expect(firstReads()).toBe(0);
    socket.write("ab");
    expect(await body.ready()).toBe(true);
    expect(await body.fill(new Uint8Array(2))).toBe(2);
    expect(firstReads()).toBe(1);
  });

  it("gives out what came before a cut, then ends with the reason", async () => {
    const { body, socket } = await receive("Content-Length: 100");
    socket.write("abc");
    expect(await body.ready()).toBe(true);
    socket.destroy();
    expect(await body.fill(new Uint8Array(10))).toBe(3);
    expect(body.stopped()?.code).toBe("body_size_mismatch");
    expect(await body.ready()).toBe(false);
  });

  it("ends for whoever waits, and for ever, when it is stopped", async () => {
    const { body, socket } = await receive("Content-Length: 100");
    const filled = body.fill(new Uint8Array(10));
    socket.write("abc");
    while (body.lastByteAt() < 0) await turns(1);
    const why = new HoldfastError("shutting_down");
    body.stop(why);
    body.stop(new HoldfastError("part_busy"));
    expect(await filled).toBeLessThanOrEqual(3);
    expect(await body.ready()).toBe(false);
    expect(await body.fill(new Uint8Array(10))).toBe(0);
    expect(body.stopped()).toBe(why);
  });

  it("frees the memory of chunks as soon as they are copied", async () => {
    const { body, req, socket } = await receive(`Content-Length: ${MIB}`);
    const chunks: Uint8Array[] = [];
    req.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    socket.write(Buffer.alloc(MIB));
    const into = new Uint8Array(100_000);
    for (let filled = 0; filled < MIB; ) filled += await body.fill(into);
    expect(chunks.length).toBeGreaterThan(8);
    // A chunk that the end of a buffer splits is freed when its rest is copied too.
    expect(chunks.map(({ buffer }) => buffer.byteLength)).toEqual(chunks.map(() => 0));
  });

  it("says when its last byte came", async () => {
    const { body, socket, clock } = await receive("Content-Length: 100");
    expect(body.lastByteAt()).toBe(0);
    clock.advance(500);
    const ready = body.ready();
    socket.write("a");
    await ready;
    expect(body.lastByteAt()).toBe(500);
  });
});

describe("the pace of a body", () => {
  it("ends one that never comes after 30 s", async () => {
    const { body, clock } = await receive("Content-Length: 100");
    const ready = body.ready();
    clock.advance(29_999);
    expect(body.stopped()).toBeUndefined();
    clock.advance(1);
    expect(await ready).toBe(false);
    expect(body.stopped()?.code).toBe("body_stalled");
  });

  it.each([
    [1270, "body_stalled"],
    [1290, undefined],
  ])("of %i bytes every 5 s: %s", async (size, code) => {
    const { body, clock, socket } = await receive("Content-Length: 1000000");
    const filled = body.fill(new Uint8Array(1_000_000));
    await turns();
    for (let second = 0; second < 60 && !body.stopped(); second += 5) {
      const before = clock.monotonic();
      clock.advance(4_999);
      socket.write(Buffer.alloc(size));
      while (body.lastByteAt() <= before) await turns(1);
      clock.advance(1);
    }
    expect(body.stopped()?.code).toBe(code);
    body.stop(new HoldfastError("shutting_down"));
    await filled;
  });

  it("counts no time in which nobody waited", async () => {
    const { body, clock, socket } = await receive("Content-Length: 100");
    socket.write("abc");
    await body.ready();
    clock.advance(600_000);
    expect(body.stopped()).toBeUndefined();
    await body.fill(new Uint8Array(3));
    const ready = body.ready();
    clock.advance(29_000);
    expect(body.stopped()).toBeUndefined();
    clock.advance(6_000);
    expect(await ready).toBe(false);
  });

  it("has no timer left when the body is over", async () => {
    const { body, clock, socket } = await receive("Content-Length: 3");
    socket.write("abc");
    await body.fill(new Uint8Array(4));
    expect(clock.advanceToNext()).toBe(false);
  });
});
