// What the disk storage makes of a disk that fails, fills up or loses files: error codes, poison, no descriptor left behind.
import { createSlotPool, SLOT_SIZE, type Slot } from "@holdfast/engine";
import { testBytes, testId } from "@holdfast/testkit/contracts/storage-rig";
import { createSimFs, type Fate, type Operation, type SimFs } from "@holdfast/testkit/sim/fs";
import { beforeEach, describe, expect, it } from "vitest";
import { createDiskStorage, type DiskStorage } from "./index.ts";

const DIRECTORY = "/data/bytes";
const ID = testId(1);
const PATH = `${DIRECTORY}/${ID}.bytes`;

let seen: Operation[];
let fate: (operation: Operation) => Fate | undefined;
let fs: SimFs;
let storage: DiskStorage;
let slot: Slot;

beforeEach(async () => {
  seen = [];
  fate = () => undefined;
  fs = createSimFs({
    onOperation: (operation) => {
      seen.push(operation);
      return fate(operation);
    },
  });
  storage = await createDiskStorage({ directory: DIRECTORY, fs });
  slot = await createSlotPool(SLOT_SIZE).take();
  seen = [];
});

describe("a full disk", () => {
  it.each(["ENOSPC", "EDQUOT"])("%s is storage_full, and the upload goes on", async (errno) => {
    failing("pwrite", errno);
    await expect(write()).rejects.toMatchObject({
      code: "storage_full",
      cause: { code: errno },
    });
    fate = () => undefined;
    await write();
    await storage.flush(ID);
    await storage.seal(ID, SLOT_SIZE);
    expect(fs.openFiles()).toBe(0);
  });

  it("is storage_full for a manifest and a new file as well", async () => {
    failing("open", "ENOSPC");
    await expect(write()).rejects.toMatchObject({ code: "storage_full" });
    failing("pwrite", "ENOSPC");
    const manifest = testBytes(100, 1);
    await expect(storage.put({ id: ID, kind: "manifest" }, [manifest])).rejects.toMatchObject({
      code: "storage_full",
    });
    fate = () => undefined;
    await storage.put({ id: ID, kind: "manifest" }, [manifest]);
    await write();
  });

  it("found by a flush is storage_full, and nothing is flushed again before a reset", async () => {
    await write();
    failing("fdatasync", "ENOSPC");
    await expect(storage.flush(ID)).rejects.toMatchObject({ code: "storage_full" });
    await expect(storage.flush(ID)).rejects.toMatchObject({ code: "storage_failed" });
    expect(kinds("fdatasync")).toHaveLength(1);
  });

  it("is no reason not to start", async () => {
    const full = createSimFs({ capacity: 0 });
    expect((await createDiskStorage({ directory: DIRECTORY, fs: full })).caching).toBe("direct");
  });
});

describe("a short write", () => {
  it("goes on at a whole block, so that direct I/O takes the rest", async () => {
    const bytes = testBytes(SLOT_SIZE, 3);
    slot.memory.set(bytes);
    let shorts = 0;
    fate = ({ kind }) =>
      kind === "pwrite" && shorts++ < 3 ? { kind: "short", size: 5000 } : undefined;
    await write();
    await storage.seal(ID, SLOT_SIZE);
    const into = new Uint8Array(SLOT_SIZE);
    await storage.read({ id: ID, kind: "bytes" }, 0, into);
    expect(Buffer.compare(into, bytes)).toBe(0);
  });

  it("of nothing at all is an error, not an endless loop", async () => {
    fate = ({ kind }) => (kind === "pwrite" ? { kind: "short", size: 0 } : undefined);
    await expect(write()).rejects.toMatchObject({ code: "storage_failed" });
  });
});

describe("an I/O error", () => {
  it("of a write poisons the upload until reset", async () => {
    failing("pwrite", "EIO");
    await expect(write()).rejects.toMatchObject({ code: "storage_failed", cause: { code: "EIO" } });
    fate = () => undefined;
    await expect(write()).rejects.toMatchObject({ code: "storage_failed" });
    await expect(write()).rejects.not.toHaveProperty("details.isHarmless");
    await expect(storage.seal(ID, SLOT_SIZE)).rejects.toMatchObject({ code: "storage_failed" });
    await storage.reset(ID);
    expect(fs.openFiles()).toBe(0);
    await write();
    await storage.seal(ID, SLOT_SIZE);
  });

  it("of a flush is never followed by another flush of that descriptor", async () => {
    await write();
    failing("fdatasync", "EIO");
    const flushes = await Promise.allSettled([storage.flush(ID), storage.flush(ID)]);
    expect(flushes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    fate = () => undefined;
    await expect(storage.flush(ID)).rejects.toMatchObject({ code: "storage_failed" });
    await expect(write()).rejects.toMatchObject({ code: "storage_failed" });
    await expect(storage.seal(ID, SLOT_SIZE)).rejects.toMatchObject({ code: "storage_failed" });
    expect(kinds("fdatasync")).toHaveLength(1);
    await storage.reset(ID);
    await write();
    await storage.flush(ID);
    expect(kinds("open").filter(({ path }) => path === PATH)).toHaveLength(2);
  });

  it("of the seal's flush poisons as well", async () => {
    await write();
    failing("fdatasync", "EIO");
    await expect(storage.seal(ID, SLOT_SIZE)).rejects.toMatchObject({ code: "storage_failed" });
    fate = () => undefined;
    await expect(storage.seal(ID, SLOT_SIZE)).rejects.toMatchObject({ code: "storage_failed" });
    expect(kinds("fdatasync")).toHaveLength(1);
    await storage.reset(ID);
    await write();
    await storage.seal(ID, SLOT_SIZE);
  });

  it("of the directory's flush fails all that need one until the next start: a second one would prove nothing", async () => {
    await write();
    failing("fsyncDir", "EIO");
    await expect(storage.flush(ID)).rejects.toMatchObject({ code: "storage_failed" });
    fate = () => undefined;
    await expect(storage.flush(ID)).rejects.toMatchObject({ code: "storage_failed" });
    await storage.reset(ID);
    await write();
    await expect(storage.flush(ID)).rejects.toMatchObject({ code: "storage_failed" });
    expect(kinds("fsyncDir")).toHaveLength(1);
  });

  it("of a flush that others wait behind fails them all, and begins no second one", async () => {
    await write();
    failing("fdatasync", "EIO");
    const first = storage.flush(ID).catch((error: unknown) => error);
    await untilSeen("fdatasync");
    await write(1).catch(() => undefined);
    const second = storage.flush(ID).catch((error: unknown) => error);
    expect(await first).toMatchObject({ code: "storage_failed" });
    expect(await second).toMatchObject({ code: "storage_failed" });
    expect(kinds("fdatasync")).toHaveLength(1);
  });

  it.each(["open", "pread"] as const)(
    "of %s is storage_failed for a read, and passes",
    async (kind) => {
      await write();
      await storage.seal(ID, SLOT_SIZE);
      failing(kind, "EIO");
      const read = () => storage.read({ id: ID, kind: "bytes" }, 0, new Uint8Array(100));
      await expect(read()).rejects.toMatchObject({ code: "storage_failed" });
      fate = () => undefined;
      expect(await read()).toBe(100);
      await storage.close();
      expect(fs.openFiles()).toBe(0);
    },
  );

  it("of a removal can be repeated", async () => {
    await write();
    failing("unlink", "EIO");
    await expect(storage.remove(ID)).rejects.toMatchObject({ code: "storage_failed" });
    fate = () => undefined;
    await storage.remove(ID);
    expect(fs.names()).toEqual([]);
  });

  it("of statfs is storage_failed", async () => {
    failing("statfs", "EIO");
    await expect(storage.room()).rejects.toMatchObject({ code: "storage_failed" });
  });
});

describe("descriptors", () => {
  it("that could not be opened are asked for again", async () => {
    failing("open", "EMFILE");
    const writes = await Promise.allSettled([write(0), write(1)]);
    expect(writes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(write()).rejects.toMatchObject({
      code: "storage_failed",
      details: { isHarmless: true },
      cause: { code: "EMFILE" },
    });
    fate = () => undefined;
    await Promise.all([write(0), write(1)]);
    await storage.seal(ID, 2 * SLOT_SIZE);
  });

  it("are opened once by writes that come at once", async () => {
    await Promise.all([write(0), write(1), write(2)]);
    expect(kinds("open")).toHaveLength(1);
  });

  it("are closed one for one, after any failure", async () => {
    const failures = ["pwrite", "pread", "fdatasync", "truncate", "size", "close", "fsyncDir"];
    for (const kind of [...failures, "open", "unlink"]) {
      fate = (operation) => (operation.kind === kind ? failed("EIO") : undefined);
      await Promise.allSettled([
        write(0),
        storage.flush(ID),
        storage.put({ id: ID, kind: "manifest" }, [slot.memory]),
      ]);
      await Promise.allSettled([storage.flush(ID)]);
      await Promise.allSettled([storage.seal(ID, 5000)]);
      const object = { id: ID, kind: "bytes" } as const;
      await Promise.allSettled([
        storage.read(object, 0, new Uint8Array(10), "medium"),
        storage.read({ id: ID, kind: "manifest" }, 0, new Uint8Array(10)),
      ]);
      await Promise.allSettled([storage.reset(ID)]);
      await Promise.allSettled([storage.remove(ID)]);
      fate = () => undefined;
      await storage.reset(ID);
    }
    expect(fs.openFiles()).toBe(0);
    expect(storage.openFiles()).toBe(0);
  });

  it("stay few however many uploads are written, flushed or not", async () => {
    storage = await createDiskStorage({ directory: DIRECTORY, fs, openFilesMax: 4 });
    for (let n = 1; n <= 40; n++) {
      await storage.write(testId(n), 0, slot, 4096);
      if (n % 2 === 0) await storage.flush(testId(n));
      // A little more while unflushed bytes wait for their flush.
      expect(storage.openFiles()).toBeLessThanOrEqual(12);
    }
    for (let n = 1; n <= 40; n++) {
      await storage.flush(testId(n));
      await storage.seal(testId(n), 4096);
    }
    // What nobody has flushed is flushed by the descriptor that wrote it, before that is closed.
    const paths = new Set(kinds("fdatasync").map(({ path }) => path));
    expect(paths.size).toBe(40);
    for (const path of paths) {
      const done = seen.filter((operation) => operation.path === path).map(({ kind }) => kind);
      expect(done.slice(0, 4)).toEqual(["open", "pwrite", "fdatasync", expect.any(String)]);
    }
  });

  it("of a file that is read while it is removed are closed", async () => {
    await write();
    await storage.seal(ID, SLOT_SIZE);
    const reads: Promise<unknown>[] = [];
    fate = ({ kind, path }) => {
      if (kind === "unlink" && path === PATH) reads.push(read());
      return undefined;
    };
    const read = () => storage.read({ id: ID, kind: "bytes" }, 0, new Uint8Array(100));
    await storage.remove(ID);
    await Promise.all(reads);
    expect(reads).toHaveLength(1);
    expect([storage.openFiles(), fs.openFiles()]).toEqual([0, 0]);
    expect(kinds("fsyncDir").at(-1)?.number).toBeGreaterThan(kinds("unlink").at(-1)?.number ?? 0);
  });
});

describe("a data file that somebody deleted", () => {
  it("is not sealed as if it were there, though the descriptor still is", async () => {
    await write();
    await storage.flush(ID);
    await fs.unlink(PATH);
    await expect(storage.seal(ID, SLOT_SIZE)).rejects.toMatchObject({ code: "storage_failed" });
    expect(await storage.read({ id: ID, kind: "bytes" }, 0, new Uint8Array(10), "medium")).toBe(0);
  });
});

it("a seal of bytes that are not there makes no file", async () => {
  await expect(storage.seal(ID, 1)).rejects.toMatchObject({ code: "storage_failed" });
  expect(fs.names()).toEqual([]);
});

it("what is written with direct I/O is read with it until it is sealed", async () => {
  const read = async () => {
    await storage.read({ id: ID, kind: "bytes" }, 10, new Uint8Array(100));
    return kinds("open").at(-1)?.caching;
  };
  await write();
  expect(await read()).toBe("direct");
  await storage.reset(ID);
  expect(await read()).toBe("direct");
  await storage.seal(ID, SLOT_SIZE);
  expect(await read()).toBe("cached");
});

describe("start-up", () => {
  it("finds out whether there is direct I/O, and leaves nothing behind", async () => {
    expect(storage.caching).toBe("direct");
    expect(fs.names()).toEqual([]);
    const without = createSimFs({ hasDirectIo: false });
    expect((await createDiskStorage({ directory: DIRECTORY, fs: without })).caching).toBe("cached");
    expect(without.names()).toEqual([]);
    expect(without.openFiles()).toBe(0);
  });

  it.each(["EROFS", "EACCES", "ENOENT", "ENOTDIR"])("says so where %s", async (errno) => {
    failing("open", errno);
    await expect(createDiskStorage({ directory: DIRECTORY, fs })).rejects.toMatchObject({
      code: "data_dir_unusable",
      cause: { code: errno },
    });
  });
});

function write(index = 0): Promise<void> {
  return storage.write(ID, index * SLOT_SIZE, slot, SLOT_SIZE);
}

function failing(kind: Operation["kind"], errno: string): void {
  fate = (operation) => (operation.kind === kind ? failed(errno) : undefined);
}

function failed(errno: string): Fate {
  return { kind: "failed", errno };
}

function kinds(kind: Operation["kind"]): readonly Operation[] {
  return seen.filter((operation) => operation.kind === kind);
}

async function untilSeen(kind: Operation["kind"]): Promise<void> {
  while (kinds(kind).length === 0) await Promise.resolve();
}
