import { execFile } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CheckpointStore } from "../ports.ts";
import { CHECKPOINT_CLAUSES, TODAY } from "../testing/checkpoint-contract.ts";
import { createCheckpointStore } from "./checkpoint.ts";

let directory: string;
let warnings: string[];
const stores: CheckpointStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-checkpoint-"));
  warnings = [];
});
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(at = directory, now = () => 1234.5): CheckpointStore {
  const store = createCheckpointStore({ directory: at, now });
  store.onDamage((detail) => warnings.push(detail));
  stores.push(store);
  return store;
}
function empty(): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
}
const file = () => join(directory, "checkpoints.sqlite");

/** Overwrites what there is: the same file, and no database any more. */
function damageInPlace(): void {
  const descriptor = openSync(file(), "r+");
  writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, 0);
  closeSync(descriptor);
  for (const suffix of ["-wal", "-shm"]) rmSync(`${file()}${suffix}`, { force: true });
}

describe("the checkpoint store", () => {
  it.each(CHECKPOINT_CLAUSES)("$name", ({ check }) =>
    check((now = () => TODAY) => open(directory, now)),
  );

  it("loads what was saved last, in another process too", async () => {
    const one = open();
    expect(await one.load("k")).toBeUndefined();
    await one.save("k", "first");
    await one.save("k", "second");
    await one.save("other", "third");
    expect(await open().load("k")).toBe("second");
    await one.remove("k");
    await one.remove("k");
    expect(await open().load("k")).toBeUndefined();
    expect(await open().load("other")).toBe("third");
  });

  it("flushes what it saves", async () => {
    await open().save("k", "v");
    const database = new DatabaseSync(file());
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    database.close();
  });

  it("is nobody else's business", async () => {
    const inner = join(directory, "state", "holdfast");
    await open(inner).save("k", "v");
    expect(statSync(inner).mode & 0o077).toBe(0);
  });

  it("moves a damaged file aside, says so, and goes on", async () => {
    for (const damage of [Buffer.from("not a database"), Buffer.alloc(8192, 1)]) {
      warnings = [];
      writeFileSync(file(), damage);
      const store = open();
      expect(await store.load("k")).toBeUndefined();
      await store.save("k", "v");
      expect(await store.load("k")).toBe("v");
      expect(warnings.length).toBe(1);
      expect(readdirSync(directory).filter((name) => name.includes("damaged")).length).toBe(1);
      store.close();
      empty();
    }
  });

  it("tells of damage once, also where nobody listens yet", async () => {
    writeFileSync(file(), "not a database");
    const store = createCheckpointStore({ directory, now: () => 1 });
    stores.push(store);
    await store.load("k");
    const told: string[][] = [[], []];
    const off = told.map((into) => store.onDamage((detail) => into.push(detail)));
    expect(told.map((into) => into.length)).toEqual([1, 0]);
    store.close();
    writeFileSync(file(), "not a database either");
    await store.load("k");
    expect(told.map((into) => into.length)).toEqual([2, 0]);
    for (const one of off) one();
  });

  it("moves no file aside that another process has begun anew, and finds what it keeps", async () => {
    const slow = open();
    await slow.save("before", "lost with the damaged file");
    // The other one meets the damage first; this one still has the damaged file open.
    damageInPlace();
    const quick = open();
    await quick.save("k", "fresh");
    expect(warnings).toHaveLength(1);
    expect(await slow.load("k")).toBe("fresh");
    await slow.save("l", "too");
    expect(await quick.load("l")).toBe("too");
    expect(warnings).toHaveLength(1);
    expect(readdirSync(directory).filter((name) => name.includes("damaged"))).toHaveLength(1);
  });

  it("is opened by one process at a time, so that two that meet one damaged file move it once", async () => {
    // Many processes begin one after another, which takes long on a busy machine; nothing of it may come near the next test's directory.
    const own = mkdtempSync(join(directory, "own-"));
    const script = `
      import { createCheckpointStore } from ${JSON.stringify(new URL("checkpoint.ts", import.meta.url).href)};
      const store = createCheckpointStore({ directory: ${JSON.stringify(own)}, now: () => Date.now() });
      await store.save(String(process.pid), "kept");
      store.close();
      console.log(process.pid);`;
    const args = ["--input-type=module-typescript", "-e", script];
    const run = () => promisify(execFile)(process.execPath, args);
    for (let round = 0; round < 3; round++) {
      writeFileSync(join(own, "checkpoints.sqlite"), "not a database");
      const pids = (await Promise.all([run(), run(), run()])).map(({ stdout }) => stdout.trim());
      const store = open(own);
      for (const pid of pids) expect(await store.load(pid)).toBe("kept");
      expect(readdirSync(own).filter((name) => name.includes("damaged"))).toHaveLength(1);
      store.close();
      for (const name of readdirSync(own)) rmSync(join(own, name), { recursive: true });
    }
  }, 120_000);

  it("keeps for others what it saves after its file was removed", async () => {
    const store = open();
    await store.save("k", "v");
    empty();
    await store.save("l", "w");
    expect(await open().load("l")).toBe("w");
  });

  it("survives damage anywhere in its file", async () => {
    const store = open();
    for (let at = 0; at < 20; at++) await store.save(`key ${at}`, "v".repeat(1000));
    store.close();
    const whole = readFileSync(file());
    for (let at = 0; at < whole.length; at += 1999) {
      const damaged = Buffer.from(whole);
      damaged.fill(0xa5, at, Math.min(whole.length, at + 1999));
      writeFileSync(file(), damaged);
      const again = open();
      const value = await again.load("key 7");
      expect(value === undefined || value.length === 1000).toBe(true);
      await again.save("new", "value");
      expect(await again.load("new")).toBe("value");
      again.close();
      empty();
    }
  });

  it("says that it cannot work where its directory is a file", async () => {
    writeFileSync(join(directory, "occupied"), "");
    const store = open(join(directory, "occupied"));
    for (const task of [
      store.load("k"),
      store.save("k", "v"),
      store.remove("k"),
      store.claim("k"),
    ]) {
      await expect(task).rejects.toMatchObject({ code: "checkpoint_failed" });
    }
  });

  it("says at once that it cannot work where the system lets nobody make a directory", async () => {
    const nowhere = process.platform === "win32" ? "nul:\\x" : "/proc/nope/deeper";
    const store = open(nowhere);
    for (const task of [store.load("k"), store.save("k", "v"), store.claim("k")]) {
      await expect(task).rejects.toMatchObject({ code: "checkpoint_failed" });
    }
  });

  it("says that it cannot work where a directory has its name", async () => {
    mkdirSync(file());
    await expect(open().save("k", "v")).rejects.toMatchObject({ code: "checkpoint_failed" });
  });

  it("keeps all of what is saved at once, each when its promise says so, and the rest when it is closed", async () => {
    const store = open();
    const keys = Array.from({ length: 100 }, (_, at) => `key-${at}`);
    await Promise.all(keys.map((key) => store.save(key, `of ${key}`)));
    const other = open();
    for (const key of keys) expect(await other.load(key)).toBe(`of ${key}`);
    expect((await other.list()).map(({ key }) => key).sort()).toEqual(keys.toSorted());
    const last = store.save("last", "value");
    store.close();
    expect(await other.load("last")).toBe("value");
    await last;
  });
});
