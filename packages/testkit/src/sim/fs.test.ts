// The simulated disk itself: what it may lose, what it must keep, and that it is the same for the same seed.
import { describe, expect, it } from "vitest";
import { createSimFs, type Fate, type Operation, type SimFs } from "./fs.ts";
import { createManualSchedule } from "./schedule.ts";

const PATH = "/d/a";
const IMAGES = 60;

describe("power loss", () => {
  it("may keep, drop or tear what was not flushed", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(4096, 1)], 0);
    await file.fdatasync();
    await fs.fsyncDir("/d");
    await file.pwrite([filled(4096, 2)], 0);
    const found = new Set<string>();
    for (let seed = 0; seed < IMAGES; seed++) {
      const bytes = await contents(fs.crash(seed), PATH);
      expect(bytes).toHaveLength(4096);
      for (let at = 0; at < 4096; at += 512) {
        expect(new Set(bytes?.subarray(at, at + 512)).size).toBe(1);
      }
      const kinds = new Set(bytes);
      found.add(kinds.size === 2 ? "torn" : kinds.has(2) ? "kept" : "dropped");
    }
    expect([...found].sort()).toEqual(["dropped", "kept", "torn"]);
  });

  it("keeps or drops each block for itself", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(8192, 0)], 0);
    await file.fdatasync();
    await fs.fsyncDir("/d");
    await file.pwrite([filled(8192, 2)], 0);
    const found = await images(fs, async (disk) => {
      const bytes = await contents(disk, PATH);
      return `${bytes?.[0] === 2}${bytes?.[4096] === 2}`;
    });
    expect(found.size).toBe(4);
  });

  it("keeps what was flushed, whatever comes after", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "direct");
    const memory = filled(8192, 3);
    await file.pwrite([memory.subarray(0, 0 + 4096)], 0);
    await file.fdatasync();
    await fs.fsyncDir("/d");
    await file.pwrite([memory.subarray(4096, 4096 + 4096)], 4096);
    const found = await images(fs, async (disk) => {
      const bytes = await contents(disk, PATH);
      expect(bytes?.subarray(0, 4096)).toEqual(filled(4096, 3));
      return `${bytes?.length}`;
    });
    expect([...found].sort()).toEqual(["4096", "8192"]);
  });

  it("may keep a size and drop the bytes: zeros", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await fs.fsyncDir("/d");
    await file.pwrite([filled(4096, 5)], 0);
    const found = await images(fs, async (disk) => {
      const bytes = await contents(disk, PATH);
      return `${bytes?.length} ${bytes?.at(0)}`;
    });
    expect(found).toContain("4096 0");
    expect(found).toContain("4096 5");
    expect(found).toContain("0 undefined");
  });

  it("may undo a truncation, which never brings back what it cut", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(4096, 7)], 0);
    await file.fdatasync();
    await fs.fsyncDir("/d");
    await file.truncate(100);
    expect(await images(fs, async (disk) => `${(await contents(disk, PATH))?.length}`)).toEqual(
      new Set(["100", "4096"]),
    );
    await file.truncate(4096);
    await file.fdatasync();
    const bytes = await contents(fs.crash(1), PATH);
    expect(bytes?.subarray(0, 100)).toEqual(filled(100, 7));
    expect(bytes?.subarray(100)).toEqual(new Uint8Array(3996));
  });

  it("may lose a name that was not flushed with its directory, its flushed bytes too", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(4096, 1)], 0);
    await file.fdatasync();
    await fs.fsyncDir("/other");
    const exists = (disk: SimFs) => Promise.resolve(`${disk.names().length}`);
    expect(await images(fs, exists)).toEqual(new Set(["0", "1"]));
    await fs.fsyncDir("/d");
    expect(await images(fs, exists)).toEqual(new Set(["1"]));
  });

  it("may bring back a name whose removal was not flushed", async () => {
    const fs = createSimFs();
    await (await fs.open(PATH, "create", "cached")).close();
    await fs.fsyncDir("/d");
    await fs.unlink(PATH);
    expect(fs.names()).toEqual([]);
    const exists = (disk: SimFs) => Promise.resolve(`${disk.names().length}`);
    expect(await images(fs, exists)).toEqual(new Set(["0", "1"]));
    await fs.fsyncDir("/d");
    expect(await images(fs, exists)).toEqual(new Set(["0"]));
  });

  it("gives the same image for the same seed, and leaves the disk as it is", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(65_536, 9)], 0);
    const first = await contents(fs.crash("a seed"), PATH);
    expect(await contents(fs.crash("a seed"), PATH)).toEqual(first);
    expect(await contents(fs, PATH)).toEqual(filled(65_536, 9));
  });

  it("does not trust a flush with what came after it was asked for", async () => {
    const manual = createManualSchedule();
    const fs = createSimFs({ schedule: manual.schedule });
    const opened = fs.open(PATH, "create", "cached");
    manual.step();
    const file = await opened;
    const named = fs.fsyncDir("/d");
    manual.step();
    await named;
    const flushed = file.fdatasync();
    const written = file.pwrite([filled(4096, 4)], 0);
    manual.step(1);
    manual.step();
    await Promise.all([flushed, written]);
    const now = { schedule: (run: () => void) => queueMicrotask(run) };
    const sizes = new Set<number | undefined>();
    for (let seed = 0; seed < IMAGES; seed++) {
      sizes.add((await contents(fs.crash(seed, now), PATH))?.length);
    }
    expect(sizes).toEqual(new Set([0, 4096]));
  });
});

describe("kill -9", () => {
  it("loses nothing that happened, and makes nothing durable", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(4096, 1)], 0);
    const next = fs.kill(1);
    expect(await contents(next, PATH)).toEqual(filled(4096, 1));
    expect(next.openFiles()).toBe(0);
    expect(await images(next, (disk) => Promise.resolve(`${disk.names().length}`))).toEqual(
      new Set(["0", "1"]),
    );
  });

  it("may have let happen what was under way, or not", async () => {
    const fs = createSimFs({ onOperation: stoppedAt(2, "during") });
    const file = await fs.open(PATH, "create", "cached");
    let isTold = false;
    file.pwrite([filled(4096, 1)], 0).then(() => {
      isTold = true;
    });
    await fs.stopped;
    const sizes = new Set<number | undefined>();
    for (let seed = 0; seed < IMAGES; seed++) {
      sizes.add((await contents(fs.kill(seed), PATH))?.length);
    }
    expect(sizes).toEqual(new Set([0, 4096]));
    expect(isTold).toBe(false);
  });
});

describe("a stop", () => {
  it.each([
    ["before", 0],
    ["after", 4096],
  ] as const)(
    "%s an operation leaves it undone or done, and ends nothing more",
    async (when, size) => {
      const fs = createSimFs({ onOperation: stoppedAt(2, when) });
      const file = await fs.open(PATH, "create", "cached");
      const told: string[] = [];
      file.pwrite([filled(4096, 1)], 0).then(() => told.push("pwrite"));
      await fs.stopped;
      file.fdatasync().then(() => told.push("fdatasync"));
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(told).toEqual([]);
      expect((await contents(fs.kill(1), PATH))?.length).toBe(size);
      expect(fs.operations()).toBe(2);
    },
  );
});

describe("faults", () => {
  it("a failed fdatasync loses what it covered, and the next one says nothing of it", async () => {
    const fs = createSimFs({ onOperation: onKind("fdatasync", 2, failed("EIO")) });
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(4096, 1)], 0);
    await file.fdatasync();
    await fs.fsyncDir("/d");
    await file.pwrite([filled(4096, 2)], 0);
    await expect(file.fdatasync()).rejects.toMatchObject({ code: "EIO" });
    await file.fdatasync();
    expect(await contents(fs, PATH)).toEqual(filled(4096, 2));
    expect(await contents(fs, PATH, "direct")).toEqual(filled(4096, 1));
    for (let seed = 0; seed < 10; seed++) {
      expect(await contents(fs.crash(seed), PATH)).toEqual(filled(4096, 1));
    }
  });

  it("a failed fsync of a directory loses its names", async () => {
    const fs = createSimFs({ onOperation: onKind("fsyncDir", 1, failed("EIO")) });
    await fs.open(PATH, "create", "cached");
    await expect(fs.fsyncDir("/d")).rejects.toMatchObject({ code: "EIO" });
    await fs.fsyncDir("/d");
    expect(fs.names()).toEqual([PATH]);
    expect(fs.crash(1).names()).toEqual([]);
  });

  it("errors and short writes come where they are told to", async () => {
    const fates: Record<number, Fate> = { 2: failed("ENOSPC"), 3: { kind: "short", size: 512 } };
    const fs = createSimFs({ onOperation: ({ number }) => fates[number] });
    const file = await fs.open(PATH, "create", "cached");
    await expect(file.pwrite([filled(4096, 1)], 0)).rejects.toMatchObject({
      code: "ENOSPC",
    });
    expect(await file.size()).toBe(0);
    fates[4] = { kind: "short", size: 512 };
    expect(await file.pwrite([filled(4096, 1)], 0)).toBe(512);
    expect(await file.size()).toBe(512);
  });

  it("a full disk takes no new blocks, and old ones again", async () => {
    const fs = createSimFs({ capacity: 8192 });
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(8192, 1)], 0);
    expect(await fs.statfs("/d")).toEqual({ available: 0 });
    await expect(file.pwrite([filled(1, 1)], 8192)).rejects.toMatchObject({ code: "ENOSPC" });
    await file.pwrite([filled(4096, 2)], 4096);
    await fs.unlink(PATH);
    expect(await fs.statfs("/d")).toEqual({ available: 0 });
    await file.close();
    expect(await fs.statfs("/d")).toEqual({ available: 8192 });
  });

  it("a flipped bit shows to every reader", async () => {
    const fs = createSimFs();
    const file = await fs.open(PATH, "create", "cached");
    await file.pwrite([filled(4096, 2)], 0);
    await file.fdatasync();
    await fs.fsyncDir("/d");
    fs.flipBit(PATH, 77);
    for (const disk of [fs, fs.crash(1)]) {
      expect((await contents(disk, PATH))?.[77]).toBe(3);
      expect((await contents(disk, PATH, "direct"))?.[77]).toBe(3);
    }
  });

  it("direct I/O is refused where there is none, and takes whole blocks only", async () => {
    const without = createSimFs({ hasDirectIo: false });
    await expect(without.open(PATH, "create", "direct")).rejects.toMatchObject({ code: "EINVAL" });
    expect(without.names()).toEqual([]);
    const file = await createSimFs().open(PATH, "create", "direct");
    const memory = filled(8192, 1);
    for (const [start, size, offset] of [
      [0, 4095, 0],
      [0, 4096, 512],
      [1, 4096, 0],
    ] as const) {
      await expect(
        file.pwrite([memory.subarray(start, start + size)], offset),
      ).rejects.toMatchObject({
        code: "EINVAL",
      });
      await expect(file.pread(memory, start, size, offset)).rejects.toMatchObject({
        code: "EINVAL",
      });
    }
    expect(await file.pwrite([memory.subarray(0, 0 + 4096)], 4096)).toBe(4096);
  });

  it("closed files and missing names are errors", async () => {
    const fs = createSimFs();
    await expect(fs.open(PATH, "write", "cached")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(fs.unlink(PATH)).rejects.toMatchObject({ code: "ENOENT" });
    const file = await fs.open(PATH, "create", "cached");
    expect(fs.openFiles()).toBe(1);
    await file.close();
    expect(fs.openFiles()).toBe(0);
    await expect(file.fdatasync()).rejects.toMatchObject({ code: "EBADF" });
  });
});

async function images(
  fs: SimFs,
  look: (disk: SimFs) => Promise<string>,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let seed = 0; seed < IMAGES; seed++) found.add(await look(fs.crash(seed)));
  return found;
}

async function contents(
  fs: SimFs,
  path: string,
  caching: "cached" | "direct" = "cached",
): Promise<Uint8Array | undefined> {
  if (!fs.names().includes(path)) return undefined;
  const file = await fs.open(path, "read", caching);
  const into = new Uint8Array(128 * 1024);
  const count = await file.pread(into, 0, into.length, 0);
  await file.close();
  return into.subarray(0, count);
}

function filled(size: number, value: number): Uint8Array {
  return new Uint8Array(size).fill(value);
}

function failed(errno: string): Fate {
  return { kind: "failed", errno };
}

function stoppedAt(number: number, when: "before" | "during" | "after") {
  return (operation: Operation): Fate | undefined =>
    operation.number === number ? { kind: "stopped", when } : undefined;
}

/** The given fate for the nth operation of a kind. */
function onKind(kind: Operation["kind"], nth: number, fate: Fate) {
  let seen = 0;
  return (operation: Operation): Fate | undefined =>
    operation.kind === kind && ++seen === nth ? fate : undefined;
}
