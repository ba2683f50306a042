// Long bodies past node:http, over real connections: every byte where it belongs, none where it does not, and the connection as good as before.
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import { HoldfastError, KIB, MIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { createRequestBody, type RequestBody } from "./body.ts";
import { fromRequest } from "./body-source.ts";
import { PACE } from "./pace.ts";
import type { Straight } from "./straight.ts";

let servers: Server[] = [];
let sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  [servers, sockets] = [[], []];
});

interface Incoming {
  readonly body: RequestBody;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** What the body went straight by, once it did. */
  readonly straight: () => Straight | undefined;
}

interface Door {
  readonly server: Server;
  connect(): Socket;
  /** The next request, of any connection. */
  next(): Promise<Incoming>;
}

async function openDoor(options: ServerOptions = {}): Promise<Door> {
  const came: Incoming[] = [];
  let tell: (() => void) | undefined;
  const server = createServer(options, (req, res) => {
    let straight: Straight | undefined;
    const source = fromRequest(req);
    const body = createRequestBody(
      {
        ...source,
        goStraight: (remaining, sink) => {
          straight = source.goStraight(remaining, sink);
          return straight;
        },
      },
      { clock: createVirtualClock(), pace: PACE },
    );
    came.push({ body, req, res, straight: () => straight });
    tell?.();
  });
  server.on("clientError", (_error, connection) => connection.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    server,
    connect() {
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      socket.on("error", () => undefined);
      sockets.push(socket);
      return socket;
    },
    async next() {
      for (;;) {
        const incoming = came.shift();
        if (incoming) return incoming;
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
    },
  };
}

function headOf(size: number): string {
  return `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`;
}

function contentOf(size: number, seed: number): Buffer {
  const content = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) {
    content.writeUInt32LE(Math.imul(at + seed, 2_654_435_761) >>> 0, at);
  }
  return content;
}

/** Reads the whole body into buffers of those sizes, in turn. */
async function readAll(body: RequestBody, sizes: readonly number[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let turn = 0; await body.ready(); turn++) {
    const into = new Uint8Array(sizes[turn % sizes.length] ?? 1);
    pieces.push(into.subarray(0, await body.fill(into)));
  }
  return Buffer.concat(pieces);
}

async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something that comes when it comes. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turns(1);
}

/** A body of which 256 KiB have come, and that goes straight. */
async function begun(door: Door, size: number): Promise<Incoming & { readonly socket: Socket }> {
  const socket = door.connect();
  socket.write(headOf(size));
  const incoming = await door.next();
  const filled = incoming.body.fill(new Uint8Array(256 * KIB));
  await turns(2);
  socket.write(contentOf(256 * KIB, 0));
  expect(await filled).toBe(256 * KIB);
  expect(incoming.straight()).toBeDefined();
  return { ...incoming, socket };
}

describe("a long body", () => {
  it("comes whole and in order into buffers of any size, one after the other on a connection", async () => {
    const door = await openDoor();
    const fills = fc.array(fc.integer({ min: 1, max: 400 * KIB }), { minLength: 1, maxLength: 6 });
    const sizes = fc.array(fc.integer({ min: 2 * MIB, max: 4 * MIB }), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(sizes, fills, async (bodies, into) => {
        const socket = door.connect();
        const contents = bodies.map((size, at) => contentOf(size, at));
        // In one go, so that the end of a body and the head of the next request come together.
        for (const content of contents)
          socket.write(Buffer.concat([Buffer.from(headOf(content.length)), content]));
        for (const content of contents) {
          const { body, res, req } = await door.next();
          expect((await readAll(body, into)).equals(content)).toBe(true);
          expect(body.stopped()).toBeUndefined();
          expect(req.complete).toBe(true);
          res.end();
        }
        socket.destroy();
      }),
      { numRuns: 15 },
    );
  });

  it("goes past node:http, on every request of a connection", async () => {
    const door = await openDoor();
    const socket = door.connect();
    socket.resume();
    for (let request = 0; request < 3; request++) {
      socket.write(headOf(4 * MIB));
      const { body, req, res, straight } = await door.next();
      let pieces = 0;
      const content = contentOf(4 * MIB, request);
      const read = readAll(body, [256 * KIB]);
      await until(() => {
        if (straight()) return true;
        socket.write(content.subarray(pieces, ++pieces));
        return false;
      });
      req.on("data", () => expect.unreachable("node:http has handed out bytes"));
      socket.write(content.subarray(pieces));
      expect((await read).equals(content)).toBe(true);
      res.end();
    }
  });

  it("is not read on while nobody takes what came", async () => {
    const { req, socket, body } = await begun(await openDoor(), 64 * MIB);
    const ready = body.ready();
    socket.write(Buffer.alloc(16 * MIB));
    expect(await ready).toBe(true);
    await turns(200);
    const before = req.socket.bytesRead;
    await turns(200);
    expect(req.socket.bytesRead).toBe(before);
    expect(before).toBeLessThan(MIB);
  });

  it("writes nothing into memory that it was told to give back", async () => {
    const { socket, body } = await begun(await openDoor(), 4 * MIB);
    const content = contentOf(4 * MIB - 256 * KIB, 1);
    const into = new Uint8Array(MIB);
    const filling = body.fill(into);
    socket.write(content.subarray(0, 300 * KIB));
    await until(() => into[300 * KIB - 1] !== 0 || into[300 * KIB - 2] !== 0);
    body.interrupt();
    const filled = await filling;
    expect(filled).toBe(300 * KIB);
    socket.write(content.subarray(filled));
    const rest = await readAll(body, [256 * KIB]);
    expect(rest.equals(content.subarray(filled))).toBe(true);
    expect(into.subarray(filled).every((byte) => byte === 0)).toBe(true);
  });

  it("that is refused on the way leaves the connection to the next request", async () => {
    const door = await openDoor();
    const { socket, body, res } = await begun(door, 4 * MIB);
    const into = new Uint8Array(MIB);
    const filling = body.fill(into);
    const why = new HoldfastError("part_conflict");
    body.stop(why);
    expect(await filling).toBe(0);
    expect(body.stopped()).toBe(why);
    const dropped = body.discard({ ms: 60_000, bytes: 16 * MIB });
    socket.write(contentOf(4 * MIB - 256 * KIB, 1));
    await dropped;
    expect(into.every((byte) => byte === 0)).toBe(true);
    res.writeHead(409).end();
    const content = contentOf(3 * MIB, 2);
    socket.write(Buffer.concat([Buffer.from(headOf(content.length)), content]));
    const next = await door.next();
    expect((await readAll(next.body, [256 * KIB])).equals(content)).toBe(true);
  });

  it.each([
    ["a connection that ends", (socket: Socket) => socket.end()],
    ["a reset", (socket: Socket) => socket.resetAndDestroy()],
  ])("keeps what came before %s, and spoils no later one", async (_name, cut) => {
    const door = await openDoor();
    const { socket, body } = await begun(door, 4 * MIB);
    const into = new Uint8Array(MIB);
    const filling = body.fill(into);
    socket.write(Buffer.alloc(100 * KIB, 7));
    await until(() => into[100 * KIB - 1] === 7);
    cut(socket);
    expect(await filling).toBe(100 * KIB);
    expect(body.stopped()?.code).toBe("body_size_mismatch");
    // Parsers are used again for other connections.
    for (let at = 0; at < 3; at++) {
      const content = contentOf(2 * MIB + at, at);
      door.connect().write(Buffer.concat([Buffer.from(headOf(content.length)), content]));
      const { body: later } = await door.next();
      expect((await readAll(later, [256 * KIB])).equals(content)).toBe(true);
    }
  });

  it("goes through node:http where somebody else listens too", async () => {
    const door = await openDoor();
    const socket = door.connect();
    socket.write(headOf(4 * MIB));
    const { body, req, straight } = await door.next();
    let seen = 0;
    req.on("data", (piece: Uint8Array) => {
      seen += piece.length;
    });
    socket.write(contentOf(4 * MIB, 0));
    expect(await readAll(body, [256 * KIB])).toHaveLength(4 * MIB);
    expect(seen).toBe(4 * MIB);
    expect(straight()).toBeUndefined();
  });

  it("leaves nothing below the parser that is written to when the parser goes", async () => {
    const { socket, body, req, res } = await begun(await openDoor(), 2 * MIB);
    const into = new Uint8Array(MIB);
    const filling = body.fill(into);
    socket.write(Buffer.alloc(100 * KIB, 7));
    await until(() => into[100 * KIB - 1] === 7);
    body.interrupt();
    expect(await filling).toBe(100 * KIB);
    into.fill(0);
    socket.write(contentOf(2 * MIB - 356 * KIB, 1));
    await readAll(body, [256 * KIB]);
    res.end();
    const { bytesRead } = req.socket;
    // The parser goes where somebody listens to the connection itself.
    req.socket.on("data", () => undefined);
    socket.write(Buffer.alloc(2 * KIB, 7));
    await until(() => req.socket.bytesRead === bytesRead + 2 * KIB);
    expect(into.every((byte) => byte === 0)).toBe(true);
  });

  it("ends with its connection where somebody begins to listen to that", async () => {
    const { socket, body, req } = await begun(await openDoor(), 2 * MIB);
    const filling = body.fill(new Uint8Array(MIB));
    req.socket.on("data", () => undefined);
    body.interrupt();
    expect(await filling).toBe(0);
    expect(req.socket.destroyed).toBe(true);
    socket.write(contentOf(MIB, 1));
    expect(await body.ready()).toBe(false);
    expect(body.stopped()?.code).toBe("body_size_mismatch");
  });

  it("goes through node:http where another protocol may take the connection over", async () => {
    const door = await openDoor();
    const upgraded = new Promise<string>((resolve) => {
      door.server.on("upgrade", (_req, connection) => {
        connection.on("data", (piece: Buffer) => resolve(piece.toString()));
        connection.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      });
    });
    const socket = door.connect();
    const content = contentOf(3 * MIB, 0);
    socket.write(Buffer.concat([Buffer.from(headOf(content.length)), content]));
    const { body, res, straight } = await door.next();
    expect((await readAll(body, [256 * KIB])).equals(content)).toBe(true);
    expect(straight()).toBeUndefined();
    res.end();
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n");
    await new Promise<void>((resolve) => {
      socket.on("data", (piece: Buffer) => piece.includes(" 101 ") && resolve());
    });
    socket.write("hello");
    expect(await upgraded).toBe("hello");
  });

  it("goes through node:http where its size says nothing", async () => {
    const door = await openDoor({ insecureHTTPParser: true });
    const socket = door.connect();
    const content = contentOf(2 * MIB, 0);
    const size = content.length.toString(16);
    socket.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${3 * MIB}\r\n`);
    socket.write(`Transfer-Encoding: chunked\r\n\r\n${size}\r\n`);
    const { body } = await door.next();
    const read = readAll(body, [256 * KIB]);
    socket.write(content);
    socket.write("\r\n0\r\n\r\n");
    expect((await read).equals(content)).toBe(true);
    expect(body.stopped()).toBeUndefined();
  });
});
