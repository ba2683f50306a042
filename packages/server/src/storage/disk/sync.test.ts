// Flushes are grouped: one at a time a file, two over all files, each for everything that was written when it began.
import { createSlotPool, SLOT_SIZE, type Slot } from "@holdfast/engine";
import { testId } from "@holdfast/testkit/contracts/storage-rig";
import { createSimFs, type Fate, type Operation, type SimFs } from "@holdfast/testkit/sim/fs";
import { beforeEach, expect, it } from "vitest";
import { createDiskStorage, type DiskStorage } from "./index.ts";

const DIRECTORY = "/data/bytes";

let asked: Operation[];
let held: { readonly operation: Operation; readonly run: () => void }[];
let isHeld: boolean;
let fate: (operation: Operation) => Fate | undefined;
let fs: SimFs;
let storage: DiskStorage;
let slot: Slot;

/** A disk whose flushes end only when the test says so, while everything else goes on. */
beforeEach(async () => {
  asked = [];
  held = [];
  isHeld = false;
  fate = () => undefined;
  fs = createSimFs({
    onOperation: (operation) => {
      asked.push(operation);
      return fate(operation);
    },
    schedule: (run) => {
      const operation = asked.at(-1);
      const isFlush = operation?.kind === "fdatasync" || operation?.kind === "fsyncDir";
      if (operation && isHeld && isFlush) held.push({ operation, run });
      else setImmediate(run);
    },
  });
  storage = await createDiskStorage({ directory: DIRECTORY, fs });
  slot = await createSlotPool(SLOT_SIZE).take();
  asked = [];
});

it("one flush at a time, the next one serves all that came meanwhile", async () => {
  await writeNamed(1);
  isHeld = true;
  const first = storage.flush(testId(1));
  await settle();
  await write(1, 1);
  const later = [storage.flush(testId(1)), storage.flush(testId(1))];
  await write(1, 2);
  later.push(storage.flush(testId(1)));
  await settle();
  expect(held).toHaveLength(1);
  release();
  await first;
  await settle();
  expect(held).toHaveLength(1);
  release();
  await Promise.all(later);
  expect(held).toHaveLength(0);
});

it("a flush that covers what was written serves whoever asks while it runs", async () => {
  await writeNamed(1);
  isHeld = true;
  const flushes = [storage.flush(testId(1))];
  await settle();
  flushes.push(storage.flush(testId(1)));
  await settle();
  release();
  await Promise.all(flushes);
  await storage.flush(testId(1));
  expect(held).toHaveLength(0);
});

it("a write that resolves while a flush runs is not covered by it", async () => {
  await writeNamed(1);
  isHeld = true;
  const first = storage.flush(testId(1));
  await settle();
  await write(1, 1);
  release();
  await first;
  const second = storage.flush(testId(1));
  await settle();
  expect(release()).toBe("fdatasync");
  await second;
});

it("at most two flushes run at once over all files", async () => {
  for (const n of [1, 2, 3, 4, 5]) await writeNamed(n);
  isHeld = true;
  const flushes = [1, 2, 3, 4, 5].map((n) => storage.flush(testId(n)));
  flushes.push(storage.put({ id: testId(6), kind: "manifest" }, [new Uint8Array(10)]));
  let done = 0;
  for (const flush of flushes) flush.then(() => done++);
  await settle();
  while (held.length > 0) {
    expect(held.length).toBeLessThanOrEqual(2);
    release();
    await settle();
  }
  expect(done).toBe(flushes.length);
});

it("a new file's name is flushed before its first flush counts, and once", async () => {
  await write(1, 0);
  isHeld = true;
  let isFlushed = false;
  const flush = storage.flush(testId(1)).then(() => {
    isFlushed = true;
  });
  await settle();
  expect(release()).toBe("fdatasync");
  await settle();
  expect(isFlushed).toBe(false);
  expect(release()).toBe("fsyncDir");
  await flush;
  await write(1, 1);
  const second = storage.flush(testId(1));
  await settle();
  expect(release()).toBe("fdatasync");
  await second;
  expect(held).toHaveLength(0);
});

it("new files share the flushes of their directory", async () => {
  const ids = Array.from({ length: 20 }, (_, n) => n + 1);
  for (const n of ids) await write(n, 0);
  await Promise.all(ids.map((n) => storage.flush(testId(n))));
  expect(asked.filter(({ kind }) => kind === "fdatasync")).toHaveLength(20);
  expect(asked.filter(({ kind }) => kind === "fsyncDir").length).toBeLessThanOrEqual(11);
});

it("a name made while the directory is being flushed waits for the next flush of it", async () => {
  await write(1, 0);
  isHeld = true;
  const first = storage.flush(testId(1));
  await settle();
  release();
  await settle();
  const [running] = held.splice(0);
  expect(running?.operation.kind).toBe("fsyncDir");
  await write(2, 0);
  let isSecondDone = false;
  const second = storage.flush(testId(2)).then(() => {
    isSecondDone = true;
  });
  await settle();
  expect(release()).toBe("fdatasync");
  await settle();
  running?.run();
  await first;
  await settle();
  expect(isSecondDone).toBe(false);
  expect(release()).toBe("fsyncDir");
  await second;
});

it("a flush of the directory that waits behind one that fails fails with it: the names it is for may be lost", async () => {
  await write(1, 0);
  await write(2, 0);
  isHeld = true;
  fate = ({ kind }) => (kind === "fsyncDir" ? { kind: "failed", errno: "EIO" } : undefined);
  const flushes = [storage.flush(testId(1))];
  await settle();
  release();
  await settle();
  const [running] = held.splice(0);
  expect(running?.operation.kind).toBe("fsyncDir");
  fate = () => undefined;
  flushes.push(storage.flush(testId(2)), storage.put({ id: testId(3), kind: "manifest" }, []));
  const outcomes = Promise.allSettled(flushes);
  await settle();
  while (release()) await settle();
  running?.run();
  await settle();
  while (release()) await settle();
  expect((await outcomes).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
  expect(asked.filter(({ kind }) => kind === "fsyncDir")).toHaveLength(1);
});

it("the seal waits for a flush that runs, then flushes for itself", async () => {
  await writeNamed(1);
  isHeld = true;
  const flush = storage.flush(testId(1));
  await settle();
  const sealed = storage.seal(testId(1), SLOT_SIZE - 1);
  await settle();
  expect(asked.some(({ kind }) => kind === "truncate")).toBe(false);
  release();
  await flush;
  await settle();
  expect(asked.at(-1)?.kind).toBe("fdatasync");
  expect(asked.at(-2)?.kind).toBe("truncate");
  release();
  await sealed;
  expect(fs.openFiles()).toBe(0);
});

function write(n: number, index: number): Promise<void> {
  return storage.write(testId(n), index * SLOT_SIZE, slot, SLOT_SIZE);
}

/** An upload whose name is flushed already, with a write that is not. */
async function writeNamed(n: number): Promise<void> {
  await write(n, 0);
  await storage.flush(testId(n));
  await write(n, 0);
}

function release(): string | undefined {
  const first = held.shift();
  first?.run();
  return first?.operation.kind;
}

/** Lets everything happen that does not wait for a held flush. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
