// Records of the first version, opened by this one: nothing is lost, and what is counted and listed since then is right for them too.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MIB, UPLOAD_STATES } from "@holdfast/protocol";
import {
  sampleDigest,
  sampleFile,
  samplePart,
  sampleUpload,
} from "@holdfast/testkit/metadata/samples";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openSqliteMetadata } from "./index.ts";
import { MIGRATIONS } from "./schema.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-migration-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const uploads = UPLOAD_STATES.map((state, at) => ({
  ...sampleUpload(2, { state, expiresAt: 1_700_000_000_000 + at }),
}));
const complete = uploads.find(({ state }) => state === "complete") ?? sampleUpload();
const file = sampleFile(complete);

/** What the first version wrote. */
function writeFirstVersion(path: string): void {
  const db = new DatabaseSync(path);
  db.exec(`${MIGRATIONS[0]} PRAGMA user_version = 1`);
  const insert = db.prepare(`INSERT INTO uploads
    (id, state, epoch, expires_at, has_bytes, file_id, tenant, principal, size, part_size, algorithm, created_at, name, type, metadata)
    VALUES (?, ?, 3, ?, 1, ?, 'tenant-1', 'principal-1', ?, ?, 'sha-256', ?, 'name', 'a/b', '[]')`);
  for (const { id, state, expiresAt, size, partSize, createdAt } of uploads) {
    insert.run(
      id,
      state,
      expiresAt,
      state === "complete" ? file.id : null,
      size,
      partSize,
      createdAt,
    );
  }
  const digests = new Uint8Array(64);
  digests.set(sampleDigest(0));
  db.prepare("INSERT INTO part_pages SELECT seq, 0, ?, ? FROM uploads WHERE state = 'open'").run(
    Uint8Array.of(1),
    digests,
  );
  db.prepare(
    `INSERT INTO files (id, upload_id, tenant, principal, size, part_size, algorithm, root, manifest_size, manifest_digest, created_at, name, type)
      VALUES (?, ?, 'tenant-1', 'principal-1', ?, ?, 'sha-256', ?, 7, ?, 5, 'name', 'a/b')`,
  ).run(file.id, complete.id, file.size, file.partSize, file.root, file.manifestDigest);
  db.close();
}

it("records of the first version are the same records afterwards", async () => {
  const path = join(directory, "records.sqlite");
  writeFirstVersion(path);
  const store = await openSqliteMetadata({ path });
  for (const { id, state, expiresAt, size } of uploads) {
    const hasEnded = state !== "open" && state !== "completing";
    expect(await store.upload(id)).toMatchObject({
      ...{ id, state, expiresAt, size, epoch: 3, hasBytes: true, name: "name" },
      ...{ version: 0, hasSize: true, hasToldOffset: false, verify: "parts" },
      ...(hasEnded ? { endedAt: expiresAt } : {}),
    });
    // How its bytes came is not known.
    expect((await store.upload(id))?.protocol).toBeUndefined();
    expect((await store.upload(id))?.endedAt !== undefined).toBe(hasEnded);
  }
  const listed = await store.files({ tenant: "tenant-1", limit: 9 });
  expect(listed).toMatchObject([{ id: file.id, uploadId: complete.id, state: "available" }]);
  const expected = { open: 2, bytes: 3 * 2 * MIB, files: 1 };
  expect(await store.counts()).toEqual(expected);
  expect(await store.counts({ tenant: "tenant-1", id: "principal-1" })).toEqual(expected);
  const due = async (kind: "expired" | "completing" | "uncleared" | "forgettable") =>
    (await store.due(kind, { limit: 9 })).map(({ id }) => id);
  const of = (...states: readonly string[]) =>
    uploads.filter(({ state }) => states.includes(state)).map(({ id }) => id);
  expect(await due("expired")).toEqual(of("open"));
  expect(await due("completing")).toEqual(of("completing"));
  expect(await due("uncleared")).toEqual(of("failed", "aborted", "expired"));
  expect(await due("forgettable")).toEqual(of("complete"));

  const [open = complete.id] = of("open");
  // What was committed is bound with that.
  const { bits, bound, digests } = await store.parts(open);
  expect({ bits, bound }).toEqual({ bits: Uint8Array.of(1), bound: Uint8Array.of(1) });
  expect(digests.slice(0, 32)).toEqual(sampleDigest(0));
  const expiresAt = 1_800_000_000_000;
  await store.apply({ kind: "commit", id: open, parts: [samplePart(1)], expiresAt });
  expect(await store.parts(open)).toMatchObject({
    bits: Uint8Array.of(3),
    bound: Uint8Array.of(3),
  });
  await store.apply({ kind: "withdraw", id: open, indexes: [0], at: 6 });
  expect(await store.parts(open)).toMatchObject({
    bits: Uint8Array.of(2),
    bound: Uint8Array.of(2),
  });
  expect((await store.upload(open))?.place).toBeUndefined();
  await store.apply({ kind: "end", id: open, state: "aborted", at: 7 });
  expect(await store.counts()).toEqual({ open: 1, bytes: 2 * 2 * MIB, files: 1 });
  await store.close();
});
