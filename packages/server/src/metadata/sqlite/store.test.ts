// The SQLite metadata store: the contract, what a kill leaves, what it refuses, what it does when the disk fails.
import { spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { OutboxEntry } from "@holdfast/engine";
import type { HoldfastError } from "@holdfast/protocol";
import { describeMetadataContract } from "@holdfast/testkit/contracts/metadata";
import { refusal } from "@holdfast/testkit/contracts/metadata-bench";
import {
  sampleCommit,
  sampleDigest,
  samplePlace,
  sampleStore,
  sampleUpload,
} from "@holdfast/testkit/metadata/samples";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileIdAt, textAt, wholeAt } from "../records/codec.ts";
import { openSqliteMetadata } from "./index.ts";
import { SCHEMA_VERSION } from "./schema.ts";

function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "holdfast-records-"));
}

describeMetadataContract("sqlite", async () => {
  const directory = temporaryDirectory();
  const path = join(directory, "records.sqlite");
  return {
    isShared: false,
    open: () => openSqliteMetadata({ path }),
    outbox: async () => readOutbox(path),
    remove: async () => rmSync(directory, { recursive: true }),
  };
});

function readOutbox(path: string): readonly OutboxEntry[] {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db.prepare("SELECT * FROM outbox ORDER BY seq").all();
  db.close();
  return rows.map((row) => {
    const kind = textAt(row, "kind");
    if (kind !== "upload.complete" && kind !== "file.deleted") throw new Error(`what is ${kind}?`);
    return {
      id: textAt(row, "id"),
      kind,
      fileId: fileIdAt(row, "file_id"),
      at: wholeAt(row, "at"),
    };
  });
}

describe("records in SQLite", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory, "records.sqlite");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("keep every acknowledged commit over kill -9 at any moment", async () => {
    const upload = sampleUpload(100_000);
    const acknowledged = new Set<number>();
    for (const [round, commits] of [1, 40, 333].entries()) {
      const first = round * 1000;
      for (const line of await commitUntilKilled([path, upload.id, `${first}`], commits)) {
        acknowledged.add(Number(line));
      }
      const store = await openSqliteMetadata({ path });
      const { bits, digests } = await store.parts(upload.id);
      await store.close();
      for (const index of acknowledged) {
        expect((bits[index >> 3] ?? 0) & (1 << (index & 7)), `part ${index}`).not.toBe(0);
        expect(digests[index * 32 + 31]).toBe(1);
      }
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(1 + 40 + 333);
  });

  it("keep every acknowledged binding over kill -9, and what is bound alone is never committed", async () => {
    const upload = sampleUpload(100_000);
    const isIn = (bits: Uint8Array, index: number) =>
      ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
    let bindings = 0;
    for (const [round, commits] of [41, 334].entries()) {
      const given = [path, upload.id, `${round * 1000}`, "placed"];
      const lines = await commitUntilKilled(given, commits);
      const store = await openSqliteMetadata({ path });
      const { bits, bound, digests } = await store.parts(upload.id);
      expect((await store.upload(upload.id))?.place).toBe(samplePlace(0));
      await store.close();
      for (const line of lines) {
        const index = Number(line.replace("b", ""));
        expect(isIn(line.startsWith("b") ? bound : bits, index), line).toBe(true);
        expect(digests.slice(index * 32, index * 32 + 32)).toEqual(sampleDigest(index));
        if (line.startsWith("b")) bindings++;
      }
      for (const [at, byte] of bits.entries()) expect(byte & ~(bound[at] ?? 0)).toBe(0);
    }
    expect(bindings).toBeGreaterThan(100);
  });

  it("of a newer version are refused, naming both versions, and left as they are", async () => {
    await openSqliteMetadata({ path }).then((store) => store.close());
    sql(path, `PRAGMA user_version = ${SCHEMA_VERSION + 7}`);
    const refused = openSqliteMetadata({ path });
    await expect(refused).rejects.toThrow(
      new RegExp(`version ${SCHEMA_VERSION + 7}.*version ${SCHEMA_VERSION} and older`),
    );
    await expect(refused).rejects.toMatchObject({ code: "data_dir_unusable", details: { path } });
    expect(sql(path, "PRAGMA user_version")).toEqual({ user_version: SCHEMA_VERSION + 7 });
  });

  it("are not laid over the database of another program", async () => {
    sql(path, "CREATE TABLE theirs (a)");
    const { code } = await refusal(openSqliteMetadata({ path }));
    expect(code).toBe("data_dir_unusable");
    expect(sql(path, "SELECT count(*) AS tables FROM sqlite_schema")).toEqual({ tables: 1 });
  });

  it.each([
    ["no database", () => writeFileSync(path, "x".repeat(10_000))],
    ["in a directory that is not there", () => rmSync(directory, { recursive: true })],
  ])("are refused where the file is %s", async (_, spoil) => {
    spoil();
    const { code, details } = await refusal(openSqliteMetadata({ path }));
    expect({ code, details }).toMatchObject({ code: "data_dir_unusable", details: { path } });
    if (_ !== "no database") directory = temporaryDirectory();
  });

  it("are flushed at each commit and logged ahead", async () => {
    const store = await openSqliteMetadata({ path });
    expect(sql(path, "PRAGMA journal_mode")).toEqual({ journal_mode: "wal" });
    await store.close();
  });

  it("are all in the one file when they are closed, and keep the room that opening takes", async () => {
    const upload = sampleUpload(3);
    const store = await openSqliteMetadata({ path });
    await store.apply({ kind: "create", upload });
    await store.close();
    expect(statSync(`${path}-wal`).size).toBe(0);
    expect(statSync(`${path}-shm`).size).toBeGreaterThanOrEqual(32 * 1024);
    const copy = join(directory, "copy.sqlite");
    copyFileSync(path, copy);
    const again = await openSqliteMetadata({ path: copy });
    expect(await again.upload(upload.id)).toEqual(upload);
    await again.close();
  });

  it("take nothing more once the file is damaged, and say so once", async () => {
    const fatal: HoldfastError[] = [];
    // Opened anew, so that no page of the tables is in memory: what is read next is damaged.
    await openSqliteMetadata({ path }).then((store) => store.close());
    const store = await openSqliteMetadata({ path, onFatal: (error) => fatal.push(error) });
    const upload = sampleUpload(3);
    writeFileSync(path, Buffer.alloc(200_000, 0xa5));
    const changes = [store.apply({ kind: "create", upload }), store.apply(sampleCommit(upload, 0))];
    // Whoever hears of the failure may answer a client at once; by then the stop has been called for.
    const stopsHeard = changes.map((change) => change.catch(() => fatal.length));
    expect(await Promise.all(stopsHeard)).toEqual([1, 1]);
    expect((await refusal(store.apply({ kind: "create", upload }))).code).toBe("storage_failed");
    expect(fatal.map(({ code }) => code)).toEqual(["storage_failed"]);
    await store.close();
  });

  it("take nothing more once the writer is lost, and refuse what was under way", async () => {
    const fatal: HoldfastError[] = [];
    const workers = new Set<Worker>();
    const watch = (message: unknown) => {
      if (typeof message !== "object" || message === null || !("worker" in message)) return;
      if (message.worker instanceof Worker) workers.add(message.worker);
    };
    subscribe("worker_threads", watch);
    const store = await openSqliteMetadata({ path, onFatal: (error) => fatal.push(error) });
    unsubscribe("worker_threads", watch);
    expect(workers.size).toBe(1);
    const applied = refusal(store.apply({ kind: "create", upload: sampleUpload() }));
    for (const worker of workers) await worker.terminate();
    expect((await applied).code).toBe("storage_failed");
    expect(fatal.map(({ code }) => code)).toEqual(["storage_failed"]);
    await store.close();
  });
});

function sql(path: string, statement: string): unknown {
  const db = new DatabaseSync(path);
  const row = db.prepare(statement).get();
  db.close();
  return row && { ...row };
}

it("keeps a week of its outbox: what is older goes, two with each new entry", async () => {
  const DAY = 86_400_000;
  const directory = temporaryDirectory();
  const path = join(directory, "records.sqlite");
  const store = await openSqliteMetadata({ path });
  const ids: string[] = [];
  async function tell(at: number): Promise<void> {
    const change = sampleStore();
    ids.push(change.outbox.id);
    await store.apply({ ...change, outbox: { ...change.outbox, at } });
  }
  const START = 1_700_000_000_000;
  for (let day = 0; day < 6; day++) await tell(START + day * DAY);
  await tell(START + 7 * DAY);
  expect(readOutbox(path).map(({ id }) => id)).toEqual(ids);
  await tell(START + 8 * DAY);
  expect(readOutbox(path).map(({ id }) => id)).toEqual(ids.slice(1));
  await tell(START + 12 * DAY);
  expect(readOutbox(path).map(({ id }) => id)).toEqual(ids.slice(3));
  await tell(START + 12 * DAY);
  expect(readOutbox(path).map(({ id }) => id)).toEqual(ids.slice(5));
  await tell(START + 12 * DAY);
  expect(readOutbox(path).map(({ id }) => id)).toEqual(ids.slice(5));
  // A clock that was ahead for a moment takes two along, not all.
  await tell(START + 400 * DAY);
  expect(readOutbox(path)).toHaveLength(5);
  await store.close();
  rmSync(directory, { recursive: true });
});

/** Runs `apply-loop.ts` until it has acknowledged as many changes, kills it, and returns all it has acknowledged. */
async function commitUntilKilled(
  given: readonly string[],
  changes: number,
): Promise<readonly string[]> {
  const program = fileURLToPath(import.meta.resolve("@holdfast/testkit/metadata/apply-loop"));
  const child = spawn(process.execPath, [program, ...given], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === changes) child.kill("SIGKILL");
  }
  expect(await exited).toEqual([null, "SIGKILL"]);
  return lines;
}
