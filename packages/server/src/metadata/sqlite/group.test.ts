// Group commit on a full disk, the errors it tells apart, and that no question to the records is a scan.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { HoldfastError } from "@holdfast/protocol";
import {
  sampleCommit,
  sampleFile,
  samplePublish,
  sampleUpload,
} from "@holdfast/testkit/metadata/samples";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packChange } from "../records/packed.ts";
import { failureOf } from "./failure.ts";
import { createGroupWriter } from "./group.ts";
import { DUE, QUERIES } from "./queries.ts";
import { openForWriting } from "./schema.ts";
import { TEXTS } from "./statements.ts";

describe("a group of changes", () => {
  let directory: string;
  let db: DatabaseSync;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "holdfast-group-"));
    db = openForWriting(join(directory, "records.sqlite"));
  });
  afterEach(() => {
    db.close();
    rmSync(directory, { recursive: true });
  });

  function rows(query: string): unknown[] {
    return db
      .prepare(query)
      .all()
      .map((row) => Object.values(row));
  }

  it("is undone whole where there is no room, and succeeds when there is", () => {
    const write = createGroupWriter(db);
    const upload = sampleUpload(10_000);
    expect(write([packChange({ kind: "create", upload })]).errors).toEqual([undefined]);
    const full = Array.from({ length: 30 }, (_, page) =>
      packChange(sampleCommit(upload, page * 256)),
    );
    const [used] = rows("PRAGMA page_count");
    db.exec(`PRAGMA max_page_count = ${used}`);
    const { errors, fatal } = write(full);
    expect(errors.map((error) => error?.code)).toEqual(full.map(() => "storage_full"));
    expect(fatal).toBeUndefined();
    expect(rows("SELECT count(*) FROM part_pages")).toEqual([[0]]);
    db.exec("PRAGMA max_page_count = 100000");
    expect(write(full).errors).toEqual(full.map(() => undefined));
    expect(rows("SELECT count(*) FROM part_pages")).toEqual([[30]]);
  });

  it("begins by moving the log of before into the tables", () => {
    const upload = sampleUpload(10_000);
    const pages = Array.from({ length: 30 }, (_, page) => sampleCommit(upload, page * 256));
    createGroupWriter(db)([{ kind: "create", upload } as const, ...pages].map(packChange));
    const log = join(directory, "records.sqlite-wal");
    expect(statSync(log).size).toBeGreaterThan(30 * 4096);
    const next = createGroupWriter(db);
    expect(next([])).toEqual({ errors: [] });
    expect(statSync(log).size).toBe(0);
    expect(rows("SELECT count(*) FROM part_pages")).toEqual([[30]]);
  });

  it("flushes each commit", () => {
    expect(rows("PRAGMA synchronous")).toEqual([[2]]);
    expect(rows("PRAGMA foreign_keys")).toEqual([[1]]);
  });

  it("undoes a change that SQLite refuses, and only that one", () => {
    const write = createGroupWriter(db);
    const [one, two] = [sampleUpload(0), sampleUpload(0)];
    const first = samplePublish(sampleFile(one));
    const second = samplePublish(sampleFile(two));
    const { errors, fatal } = write(
      [
        { kind: "create", upload: one } as const,
        { kind: "create", upload: two } as const,
        { kind: "seal", id: one.id, epoch: 0 } as const,
        { kind: "seal", id: two.id, epoch: 0 } as const,
        first,
        { ...second, outbox: { ...second.outbox, id: first.outbox.id } },
      ].map(packChange),
    );
    expect(errors.map((error) => error?.code)).toEqual([...Array(5).fill(undefined), "internal"]);
    expect(fatal).toBeUndefined();
    expect(rows("SELECT id FROM files")).toEqual([[first.file.id]]);
    expect(rows("SELECT state FROM uploads ORDER BY seq")).toEqual([["complete"], ["completing"]]);
    expect(rows("SELECT files FROM usage")).toEqual([[1], [1]]);
  });

  it("asks of tables only what an index answers", () => {
    const changing = Object.values(TEXTS).filter((text) =>
      /^(SELECT.* FROM|UPDATE|DELETE)/s.test(text),
    );
    expect(changing.length).toBeGreaterThan(20);
    for (const query of [...Object.values(DUE), ...Object.values(QUERIES), ...changing]) {
      const plan = JSON.stringify(rows(`EXPLAIN QUERY PLAN ${query}`));
      expect(plan).toMatch(/SEARCH \w+ USING (COVERING )?(INDEX|INTEGER PRIMARY KEY|PRIMARY KEY)/);
      expect(plan).not.toMatch(/SCAN|TEMP B-TREE/);
    }
  });

  it("keeps a page of parts no larger than the grid needs", () => {
    const write = createGroupWriter(db);
    const [small, large] = [sampleUpload(3), sampleUpload(300)];
    for (const upload of [small, large]) {
      write([packChange({ kind: "create", upload }), packChange(sampleCommit(upload, 0))]);
    }
    write([packChange(sampleCommit(large, 299))]);
    const sizes = rows("SELECT length(bits), length(digests) FROM part_pages");
    expect(sizes).toEqual([
      [1, 96],
      [32, 8192],
      [6, 44 * 32],
    ]);
  });
});

describe("an error of SQLite", () => {
  const error = (errcode: number) => Object.assign(new Error("from SQLite"), { errcode });

  it.each([
    ["SQLITE_FULL", 13, "group", "storage_full"],
    ["SQLITE_IOERR_SHMSIZE", 4874, "group", "storage_full"],
    ["SQLITE_BUSY", 5, "group", "storage_failed"],
    ["SQLITE_BUSY_SNAPSHOT", 517, "group", "storage_failed"],
    ["SQLITE_NOMEM", 7, "group", "storage_failed"],
    ["SQLITE_CONSTRAINT_UNIQUE", 2067, "change", "internal"],
    ["SQLITE_IOERR", 10, "store", "storage_failed"],
    ["SQLITE_IOERR_FSYNC", 1034, "store", "storage_failed"],
    ["SQLITE_CORRUPT", 11, "store", "storage_failed"],
    ["SQLITE_READONLY_DBMOVED", 1032, "store", "storage_failed"],
    ["SQLITE_NOTADB", 26, "store", "storage_failed"],
  ] as const)("%s reaches as far as it must", (_, errcode, reach, code) => {
    expect(failureOf(error(errcode))).toMatchObject({ reach, error: { code } });
  });

  it("is none where a condition does not hold", () => {
    const refused = new HoldfastError("upload_not_found");
    expect(failureOf(refused)).toEqual({ reach: "change", error: refused });
  });
});
