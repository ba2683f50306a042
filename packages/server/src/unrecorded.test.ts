// Stored bytes without a record: moved aside, never removed, and never those of a record.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { sampleDelete, sampleStore, sampleUpload } from "@holdfast/testkit/metadata/samples";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listStored, setAsideUnrecorded } from "./unrecorded.ts";

describe("bytes without a record", () => {
  let from: string;
  let to: string;
  beforeEach(async () => {
    from = await mkdtemp(join(tmpdir(), "holdfast-unrecorded-"));
    to = join(from, "aside");
  });
  afterEach(() => rm(from, { recursive: true }));

  it("are moved aside, and those of uploads, files and forgotten uploads stay", async () => {
    const metadata = createMemoryMetadata();
    const open = sampleUpload(1);
    const [file, forgotten, deleting] = [sampleStore(1), sampleStore(1), sampleStore(1)];
    await metadata.apply({ kind: "create", upload: open });
    for (const store of [file, forgotten, deleting]) await metadata.apply(store);
    const before = Number.MAX_SAFE_INTEGER;
    await metadata.apply({ kind: "forget", id: forgotten.upload.id, before });
    await metadata.apply(sampleDelete(deleting.file.id));
    const lost = sampleUpload(1);
    const known = [open, file.upload, forgotten.upload, deleting.upload];
    for (const { id } of [...known, lost]) {
      await writeFile(join(from, `${id}.bytes`), `bytes of ${id}`);
      await writeFile(join(from, `${id}.manifest`), "{}");
    }
    await writeFile(join(from, "notes.txt"), "an operator's");
    const logged: unknown[] = [];
    const log = (...line: unknown[]) => logged.push(line);
    const aside = { metadata, log, from, to, isStopped: () => false };
    expect(await setAsideUnrecorded(await listStored(from), aside)).toBe(1);
    expect((await readdir(to)).toSorted()).toEqual([`${lost.id}.bytes`, `${lost.id}.manifest`]);
    expect(await readFile(join(to, `${lost.id}.bytes`), "utf8")).toBe(`bytes of ${lost.id}`);
    const stays = known.flatMap(({ id }) => [`${id}.bytes`, `${id}.manifest`]);
    expect((await readdir(from)).toSorted()).toEqual(["aside", "notes.txt", ...stays].toSorted());
    expect(logged).toEqual([["warn", "storage.unrecorded", { uploads: 1, movedTo: to }]]);
    expect(await setAsideUnrecorded(await listStored(from), aside)).toBe(0);
    expect(logged).toHaveLength(1);
  });

  it("are nobody's business but the server's, and are told only where there were any", async () => {
    const { id } = sampleUpload(1);
    const logged: unknown[] = [];
    const log = (...line: unknown[]) => logged.push(line);
    const aside = { metadata: createMemoryMetadata(), log, from, to, isStopped: () => false };
    await writeFile(join(from, `${id}.bytes`), "");
    const stored = await listStored(from);
    expect(await setAsideUnrecorded(stored, aside)).toBe(1);
    expect((await stat(to)).mode & 0o777).toBe(0o700);
    // Deleted meanwhile, with its record.
    expect(await setAsideUnrecorded(stored, aside)).toBe(0);
    expect(logged).toHaveLength(1);
  });

  it("stay where the server is told to stop", async () => {
    await writeFile(join(from, `${sampleUpload(1).id}.bytes`), "");
    const aside = { metadata: createMemoryMetadata(), log: () => undefined, from, to };
    const stored = await listStored(from);
    expect(await setAsideUnrecorded(stored, { ...aside, isStopped: () => true })).toBe(0);
    expect(await readdir(from)).toHaveLength(1);
  });
});
