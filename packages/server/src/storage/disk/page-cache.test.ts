import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket, Socket as TcpSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { KIB, MIB } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cachedFile } from "./cached-file.ts";
import { nodeFs } from "./node-fs.ts";
import { openPageCache, type PageCache } from "./page-cache.ts";
import { createTurns } from "./turns.ts";

const CONTENT = Buffer.alloc(9 * MIB + 5);
for (let at = 0; at + 4 <= CONTENT.length; at += 4) CONTENT.writeUInt32LE(at * 13, at);

let directory: string;
let fd: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-cache-"));
  // What has just been written through the cache is in it.
  writeFileSync(join(directory, "f"), CONTENT);
  fd = openSync(join(directory, "f"), "r");
});
afterEach(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true, force: true });
});

/** On the Node that the repository brings, on Linux, it must be there: nothing else would tell that it has gone. */
function cacheOf(): PageCache {
  const cache = openPageCache();
  if (!cache) throw new Error("there is no way to the page cache");
  return cache;
}

/** Both ends of a connection, and the descriptor of the one that is sent from. */
async function connected(): Promise<{
  readonly server: Server;
  readonly from: Socket;
  readonly to: Socket;
  readonly socket: number;
}> {
  const server = createServer({ pauseOnConnect: true });
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const from = await new Promise<Socket>((resolve) => {
    const opened = new TcpSocket();
    opened.connect(port, "127.0.0.1", () => resolve(opened));
  });
  const handle: unknown = Reflect.get(from, "_handle");
  const socket = Number(Reflect.get(Object(handle), "fd"));
  return { server, from, to: await accepted, socket };
}

describe.skipIf(process.platform !== "linux")("bytes of the page cache", () => {
  it.each([
    ["from the start", 0, MIB],
    ["from amid a page", 4097, 300 * KIB],
    ["one", 5, 1],
  ])("are there at once: %s", (_, offset, size) => {
    const into = new Uint8Array(size + 7);
    expect(cacheOf().read(fd, into, 7, size, offset)).toBe(size);
    expect(Buffer.from(into.subarray(7))).toEqual(CONTENT.subarray(offset, offset + size));
  });

  it("end where the file does, and are none of what is closed", () => {
    const { read } = cacheOf();
    const into = new Uint8Array(64);
    expect(read(fd, into, 0, 64, CONTENT.length - 3)).toBe(3);
    expect(read(fd, into, 0, 64, CONTENT.length)).toBe(0);
    const other = openSync(join(directory, "f"), "r");
    closeSync(other);
    expect(read(other, into, 0, 64, 0)).toBe(0);
  });

  it("go to a connection until it is full, and on when there is room again", async () => {
    const { send } = cacheOf();
    const { server, from, to, socket } = await connected();
    let at = 0;
    for (let went = 1; went > 0 && at < CONTENT.length; at += went) {
      went = send(fd, socket, at, Math.min(MIB, CONTENT.length - at)) ?? Number.NaN;
    }
    // Nobody reads: nine MiB are more than both kernels keep.
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(CONTENT.length);
    const received = buffer(to.resume());
    while (at < CONTENT.length) {
      at += send(fd, socket, at, Math.min(MIB, CONTENT.length - at)) ?? 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    from.end();
    expect((await received).equals(CONTENT)).toBe(true);
    server.close();
  });

  it("are not sent where the file has none, nor to what is gone", async () => {
    const { has, send } = cacheOf();
    const { server, from, to, socket } = await connected();
    // The file is at fault, not the connection, which has room: nobody is to wait for more of that.
    expect(send(-1, socket, 0, 10)).toBeUndefined();
    expect(has(fd, 0, MIB)).toBe(true);
    expect(has(fd, CONTENT.length, 10)).toBe(false);
    expect(send(fd, -1, 0, 10)).toBe(0);
    to.resetAndDestroy();
    await new Promise((resolve) => from.once("error", resolve).resume());
    server.close();
  });
});

describe.skipIf(process.platform !== "linux")("pages that may be on their way", () => {
  const PAGE = 4096;

  it("are told one by one from those that have come", () => {
    const { hasCome, page } = cacheOf();
    expect(hasCome(fd, 0, CONTENT.length)).toBe(true);
    expect(hasCome(fd, 5 * page + 17, 3 * page)).toBe(true);
    // What is a hole in the file no page stands for.
    truncateSync(join(directory, "f"), 4 * MIB);
    truncateSync(join(directory, "f"), CONTENT.length);
    expect(hasCome(fd, 3 * MIB, 2 * MIB)).toBe(false);
    expect(hasCome(fd, 4 * MIB + page + 9, 10)).toBe(false);
    expect(hasCome(fd, 0, 4 * MIB)).toBe(true);
    expect(hasCome(fd, 4 * MIB - 9, 10)).toBe(false);
  });

  it("are none of what is closed", () => {
    const other = openSync(join(directory, "f"), "r");
    closeSync(other);
    expect(cacheOf().hasCome(other, 0, PAGE)).toBe(false);
  });

  it("are looked at one by one for a while after a read from the disk, and not sent before they have come", async () => {
    const file = await nodeFs.open(join(directory, "f"), "read", "cached");
    const own = { ...cacheOf(), asked: 0, isThere: true };
    const cache: PageCache = {
      ...own,
      // As the kernel, which counts those that are on their way.
      has: () => true,
      read: () => 0,
      hasCome() {
        own.asked++;
        return own.isThere;
      },
      send: (_fd, _socket, _offset, size) => size,
    };
    const cached = cachedFile(file, fd, cache);
    const outlet = { begin: (most: number) => ({ descriptor: 0, most }), took: () => undefined };
    expect([await cached.send(outlet, 0, PAGE), own.asked]).toEqual([PAGE, 0]);
    expect(await cached.pread(new Uint8Array(PAGE), 0, PAGE, 0)).toBe(PAGE);
    expect([await cached.send(outlet, PAGE, PAGE), own.asked]).toEqual([PAGE, 1]);
    own.isThere = false;
    expect([await cached.send(outlet, PAGE, PAGE), own.asked]).toEqual([undefined, 2]);
    await file.close();
  });
});

describe("work that is done at once", () => {
  it("has its share of a turn, then others come first", async () => {
    const turns = createTurns(100);
    const order: string[] = [];
    setImmediate(() => order.push("another"));
    await turns.enter();
    turns.spend(60);
    await turns.enter();
    turns.spend(60);
    order.push("within");
    await turns.enter();
    order.push("after");
    expect(order).toEqual(["within", "another", "after"]);
  });
});
