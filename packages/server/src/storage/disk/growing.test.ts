// What grows beside the page cache and is sent from it: pages that come there are those that were asked for, and none of them outlives the bytes that it shows.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statfsSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSlotPool, type Outlet, SLOT_SIZE, type Slot } from "@holdfast/engine";
import { KIB, MIB } from "@holdfast/protocol";
import { testId } from "@holdfast/testkit/contracts/storage-rig";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exactFile } from "./cached-file.ts";
import { createDiskStorage, type DiskStorage } from "./index.ts";
import { nodeFs } from "./node-fs.ts";
import { openPageCache } from "./page-cache.ts";

const ID = testId(1);
const BYTES = { id: ID, kind: "bytes" } as const;

let directory: string;
let storage: DiskStorage;
let slot: Slot;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-growing-"));
  storage = await createDiskStorage({ directory });
  slot = await createSlotPool(2 * SLOT_SIZE).take();
});
afterEach(async () => {
  await storage.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Writes a region, all of whose bytes are one value. */
async function write(offset: number, size: number, value: number): Promise<void> {
  slot.memory.fill(value, 0, size);
  await storage.write(ID, offset, slot, size);
}

/** Both ends of a connection in the clear. */
async function connected(): Promise<{
  readonly server: Server;
  readonly from: Socket;
  readonly to: Socket;
  readonly outlet: Outlet;
}> {
  const server = createServer();
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const to = connect(typeof address === "object" && address ? address.port : 0, "127.0.0.1");
  const from = await accepted;
  const descriptor = Number(Reflect.get(Object(Reflect.get(from, "_handle")), "fd"));
  const outlet = {
    begin: (most: number) => ({ descriptor, most }),
    took: () => undefined,
  };
  return { server, from, to, outlet };
}

/** Sends a range and gives what came of it at the other end. */
async function sent(
  { to, outlet }: Awaited<ReturnType<typeof connected>>,
  start: number,
  end: number,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let got = 0;
  let wake: () => void = () => undefined;
  const take = (piece: Buffer) => {
    pieces.push(piece);
    got += piece.length;
    wake();
  };
  to.on("data", take);
  let went = 0;
  while (start + went < end) {
    const count = await storage.send(BYTES, { start: start + went, end }, outlet, "growing");
    if (count === undefined) break;
    went += count;
    if (count === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  while (got < went) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  to.off("data", take);
  return went === 0 ? undefined : Buffer.concat(pieces);
}

function isAll(bytes: Uint8Array | undefined, value: number): boolean {
  return bytes !== undefined && bytes.length > 0 && Buffer.alloc(bytes.length, value).equals(bytes);
}

describe.skipIf(process.platform !== "linux")("bytes that grow", () => {
  it("are sent as they are, in whole pages, and those behind them when they are there", async () => {
    const ends = await connected();
    await write(0, 256 * KIB, 1);
    expect(isAll(await sent(ends, 0, 256 * KIB), 1)).toBe(true);
    await write(256 * KIB, 64 * KIB, 2);
    await write(320 * KIB, 64 * KIB, 3);
    expect(isAll(await sent(ends, 256 * KIB, 320 * KIB), 2)).toBe(true);
    expect(isAll(await sent(ends, 320 * KIB, 384 * KIB), 3)).toBe(true);
    // From amid a page, and to amid one: what is left of that has to be read.
    expect((await sent(ends, 256 * KIB + 5, 320 * KIB))?.length).toBe(64 * KIB - 5);
    expect((await sent(ends, 0, 128 * KIB + 7))?.length).toBe(128 * KIB);
    expect(await sent(ends, 0, 100)).toBeUndefined();
    ends.server.close();
    ends.from.destroy();
  });

  it("are brought to the cache once for all who want them, and nothing behind them", async () => {
    const many = await Promise.all(Array.from({ length: 8 }, connected));
    await write(0, 256 * KIB, 1);
    await write(256 * KIB, 256 * KIB, 1);
    const all = await Promise.all(many.map((ends) => sent(ends, 0, 256 * KIB)));
    for (const bytes of all) expect(isAll(bytes, 1)).toBe(true);
    const into = new Uint8Array(64 * KIB);
    expect(await storage.read(BYTES, 0, into, "shared")).toBe(into.length);
    // What lies behind may be written at any moment. It is read past the cache, and comes nowhere else by that.
    await write(256 * KIB, 256 * KIB, 9);
    expect(await storage.read(BYTES, 256 * KIB, into, "shared")).toBe(into.length);
    expect(isAll(into, 9)).toBe(true);
    for (const { server, from } of many) {
      server.close();
      from.destroy();
    }
  });

  it("are looked for by one of those who are sent them together, and by none while they are on their way", async () => {
    const many = await Promise.all(Array.from({ length: 8 }, connected));
    await write(0, 256 * KIB, 1);
    const path = join(directory, `${ID}.bytes`);
    const file = await nodeFs.open(path, "read", "cached");
    const fd = openSync(path, "r");
    const cache = openPageCache();
    if (!cache) throw new Error("there is no way to the page cache");
    const looks: string[] = [];
    let isBrought = false;
    const told = {
      ...cache,
      has: () => {
        looks.push(isBrought ? "there" : "absent");
        return isBrought;
      },
    };
    const readv = async (pieces: readonly Uint8Array[]) => {
      await new Promise((resolve) => setImmediate(resolve));
      isBrought = true;
      return pieces.reduce((sum, piece) => sum + piece.length, 0);
    };
    const growing = exactFile(file, fd, told, readv);
    const first = growing.send({ begin: () => undefined, took: () => undefined }, 0, 256 * KIB);
    // By now it has looked, in vain.
    await Promise.resolve();
    const rest = many.map(({ outlet }) => growing.send(outlet, 0, 256 * KIB));
    expect(await first).toBe(0);
    for (const count of await Promise.all(rest)) expect(count).toBeGreaterThan(0);
    expect(looks).toEqual(["absent", "there"]);
    closeSync(fd);
    await file.close();
    for (const { server, from } of many) {
      server.close();
      from.destroy();
    }
  });

  it("come there without what lies behind them", async () => {
    const ends = await connected();
    await write(0, 256 * KIB, 1);
    await write(256 * KIB, 256 * KIB, 1);
    expect(isAll(await sent(ends, 0, 64 * KIB), 1)).toBe(true);
    const cache = openPageCache();
    const fd = openSync(join(directory, `${ID}.bytes`), "r");
    expect(cache?.has(fd, 0, 64 * KIB)).toBe(true);
    // A file system in memory has nothing but the cache.
    const isInMemory = statfsSync(directory).type === 0x01021994;
    expect(cache?.has(fd, 64 * KIB, 4 * KIB)).toBe(isInMemory || storage.caching === "cached");
    closeSync(fd);
    ends.server.close();
    ends.from.destroy();
  });

  it.each([
    ["on a kernel that does not tell what is in its cache", { has: () => undefined }, {}, 0],
    ["from a file system that never tells it at once", { has: () => false }, {}, 8],
    ["by a call that refuses the file", { send: () => undefined }, {}, 1],
    ["to a connection without a number", {}, { begin: () => "none" as const }, 1],
  ])(
    "are not read again and again for what cannot be sent: %s",
    async (_, cacheless, wayless, most) => {
      const ends = await connected();
      await write(0, 256 * KIB, 1);
      const path = join(directory, `${ID}.bytes`);
      const file = await nodeFs.open(path, "read", "cached");
      const fd = openSync(path, "r");
      const cache = openPageCache();
      if (!cache) throw new Error("there is no way to the page cache");
      let reads = 0;
      const readv = async (pieces: readonly Uint8Array[], at: number) => {
        reads++;
        let count = 0;
        for (const piece of pieces) count += readSync(fd, piece, 0, piece.length, at + count);
        return count;
      };
      const growing = exactFile(file, fd, { ...cache, ...cacheless }, readv);
      for (let time = 0; time < 10; time++) {
        expect(await growing.send({ ...ends.outlet, ...wayless }, 0, 256 * KIB)).toBeUndefined();
      }
      expect(reads).toBeLessThanOrEqual(most);
      closeSync(fd);
      await file.close();
      ends.server.close();
      ends.from.destroy();
    },
  );

  it("that are written once more are never shown as they were, beside readers all over, and are right once they are sealed", async () => {
    const REGION = 16 * KIB;
    const COUNT = 32;
    const random = createRandom("rewrites");
    const ends = await Promise.all([connected(), connected(), connected()]);
    const now = new Array<number>(COUNT).fill(0);
    /** Regions that are being written: what a reader finds there is nobody's promise. */
    const writes = new Array<number>(COUNT).fill(0);
    for (let index = 0; index < COUNT; index++) await write(index * REGION, REGION, 0);
    let isOver = false;
    let looked = 0;
    async function look(which: number): Promise<void> {
      const end = ends[which];
      while (!isOver && end) {
        const index = random.whole(COUNT);
        const [value, before] = [now[index], writes[index]];
        const start = index * REGION;
        const bytes = await sent(end, start, start + REGION);
        // Written meanwhile, or still being.
        if (writes[index] !== before || (before ?? 0) % 2 > 0) continue;
        expect(isAll(bytes, value ?? -1)).toBe(true);
        looked++;
      }
    }
    const looking = Promise.all([look(0), look(1), look(2)]);
    looking.catch(() => undefined);
    for (let round = 1; round <= 5_000; round++) {
      const index = random.whole(COUNT);
      const value = round % 251;
      writes[index] = (writes[index] ?? 0) + 1;
      await write(index * REGION, REGION, value);
      now[index] = value;
      writes[index] = (writes[index] ?? 0) + 1;
    }
    isOver = true;
    await looking;
    expect(looked).toBeGreaterThan(100);
    const size = COUNT * REGION;
    await storage.flush(ID);
    await storage.seal(ID, size - 100);
    const into = new Uint8Array(MIB);
    for (let at = 0; at < size - 100; at += into.length) {
      const read = await storage.read(BYTES, at, into);
      for (let byte = 0; byte < read; byte += 997) {
        expect(into[byte]).toBe(now[Math.floor((at + byte) / REGION)]);
      }
    }
    for (const { server, from } of ends) {
      server.close();
      from.destroy();
    }
  }, 120_000);
});
