// delete: a file is hidden at once, its bytes go after, and a crash between the two steps is driven on.
import { createEngine, type Engine } from "@holdfast/engine";
import { HoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  createRequest,
  memoryParts,
  openPolicy,
  putParts,
  readAll,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("delete").bytes(3 * PART);
const absent = { code: "file_not_found" };

async function published(engine: Engine, key?: string): Promise<UploadView> {
  const view = await engine.create(alice, createRequest(content.length), key);
  await putParts(engine, view, content, [0, 3]);
  return engine.complete(alice, view.id, {});
}

describe("delete", () => {
  it("hides the file from every verb, and removes its bytes and its manifest", async () => {
    const storage = createMemoryStorage();
    const parts = memoryParts({ storage });
    const engine = createEngine(parts);
    const { id, file } = await published(engine);
    await engine.deleteFile(alice, file?.id ?? "");
    await expect(engine.file(alice, file?.id ?? "")).rejects.toMatchObject(absent);
    expect((await engine.files(alice, { limit: 9 })).files).toEqual([]);
    await expect(engine.status(alice, id)).rejects.toMatchObject({
      code: "upload_not_found",
    });
    for (const kind of ["bytes", "manifest"] as const) {
      expect(await storage.read({ id, kind }, 0, new Uint8Array(9))).toBe(0);
    }
    expect(await parts.metadata.counts()).toEqual({ open: 0, bytes: 0, files: 0 });
    await expect(engine.deleteFile(alice, file?.id ?? "")).rejects.toMatchObject(absent);
  });

  it("lets the same content come again under the same key", async () => {
    const engine = createEngine(memoryParts());
    const first = await published(engine, "key");
    await engine.deleteFile(alice, first.file?.id ?? "");
    const again = await published(engine, "key");
    expect(again.id).not.toBe(first.id);
    expect(await readAll(engine, again)).toEqual(Buffer.from(content));
  });

  it("knows nothing of another tenant's file, nor of what is no id", async () => {
    const engine = createEngine(memoryParts());
    const { file } = await published(engine);
    const eve = { id: "eve", tenant: "elsewhere" };
    for (const id of [file?.id ?? "", "a".repeat(26), "..", ""]) {
      await expect(engine.deleteFile(eve, id)).rejects.toMatchObject(absent);
    }
    await engine.file(alice, file?.id ?? "");
  });

  it("asks whether the principal may", async () => {
    const policy = {
      ...openPolicy,
      async decide(_: unknown, action: string) {
        if (action === "delete") throw new HoldfastError("forbidden");
      },
    };
    const engine = createEngine(memoryParts({ policy }));
    const { file } = await published(engine);
    const refused = engine.deleteFile(alice, file?.id ?? "");
    await expect(refused).rejects.toMatchObject({ code: "forbidden" });
    await engine.file(alice, file?.id ?? "");
  });

  it("ends a read that is under way, which never gives other bytes", async () => {
    const engine = createEngine(memoryParts());
    const { file } = await published(engine);
    const record = await engine.file(alice, file?.id ?? "");
    const pieces: Uint8Array[] = [];
    const read = async () => {
      for await (const piece of engine.read(record, { start: 0, end: record.size })) {
        pieces.push(piece.slice());
        if (pieces.length === 1) await engine.deleteFile(alice, record.id);
      }
    };
    await expect(read()).rejects.toMatchObject(absent);
    const got = Buffer.concat(pieces);
    expect(got.length).toBeGreaterThan(0);
    expect(got.equals(content.subarray(0, got.length))).toBe(true);
  });

  it("is done once however many ask", async () => {
    const metadata = createMemoryMetadata();
    const engine = createEngine(memoryParts({ metadata }));
    const { file } = await published(engine);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => engine.deleteFile(alice, file?.id ?? "")),
    );
    expect(outcomes.some(({ status }) => status === "fulfilled")).toBe(true);
    for (const one of outcomes) {
      if (one.status === "rejected") expect(one.reason).toMatchObject(absent);
    }
    const kinds = metadata.snapshot().outbox.map(({ kind }) => kind);
    expect(kinds).toEqual(["upload.complete", "file.deleted"]);
  });

  it("stays hidden where the storage refuses, and goes with the next sweep", async () => {
    const memory = createMemoryStorage();
    let isBroken = true;
    const remove: typeof memory.remove = async (id) => {
      if (isBroken) throw new HoldfastError("storage_failed");
      await memory.remove(id);
    };
    const parts = memoryParts({ storage: { ...memory, remove } });
    const engine = createEngine(parts);
    const { id, file } = await published(engine);
    await engine.deleteFile(alice, file?.id ?? "");
    await expect(engine.file(alice, file?.id ?? "")).rejects.toMatchObject(absent);
    isBroken = false;
    const { erased } = await engine.sweep("server", { isDryRun: false });
    expect(erased).toEqual({ count: 1, bytes: content.length });
    expect(await memory.read({ id, kind: "bytes" }, 0, new Uint8Array(9))).toBe(0);
    expect(await parts.metadata.counts()).toEqual({ open: 0, bytes: 0, files: 0 });
  });

  it.each(["delete", "erased"] as const)(
    "is driven on after a crash at its change `%s`",
    async (kind) => {
      for (const point of ["before-durable", "before-acknowledged"] as const) {
        const reached = Promise.withResolvers<void>();
        const metadata = createMemoryMetadata({
          async onApply(at, change) {
            if (change.kind !== kind || at !== point) return;
            reached.resolve();
            await new Promise<never>(() => undefined);
          },
        });
        const storage = createMemoryStorage();
        const engine = createEngine(memoryParts({ metadata, storage }));
        const done = await published(engine);
        void engine.deleteFile(alice, done.file?.id ?? "");
        await reached.promise;
        const after = createMemoryMetadata({ state: metadata.snapshot() });
        const next = createEngine(memoryParts({ metadata: after, storage }));
        await next.recover();
        const isHidden = kind === "erased" || point === "before-acknowledged";
        const bytes = await storage.read({ id: done.id, kind: "bytes" }, 0, new Uint8Array(9));
        expect([bytes, (await after.counts()).files]).toEqual(isHidden ? [0, 0] : [9, 1]);
        expect(await after.due("deleting", { limit: 9 })).toEqual([]);
        if (!isHidden) expect(await readAll(next, done)).toEqual(Buffer.from(content));
      }
    },
  );
});

describe("the list of files", () => {
  it("goes page by page, newest first, and each file comes once while others come and go", async () => {
    const engine = createEngine(memoryParts());
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) await engine.create(alice, createRequest(0, { name }));
    const first = await engine.files(alice, { limit: 2 });
    const [gone] = first.files;
    await engine.deleteFile(alice, gone?.id ?? "");
    await engine.create(alice, createRequest(0, { name: "f" }));
    const second = await engine.files(alice, {
      limit: 2,
      ...(first.next ? { after: first.next } : {}),
    });
    const third = await engine.files(alice, {
      limit: 2,
      ...(second.next ? { after: second.next } : {}),
    });
    const seen = [first, second, third].flatMap(({ files }) => files.map(({ name }) => name));
    // All of them have one time here: their order is that of their ids. What came late may lie on either side of where the reader is.
    expect(seen.filter((name) => name !== "f").toSorted()).toEqual(names);
    expect(new Set(seen).size).toBe(seen.length);
    expect([first, second].every(({ next }) => next)).toBe(true);
  });

  it("has nothing of another tenant", async () => {
    const engine = createEngine(memoryParts());
    await engine.create(alice, createRequest(0));
    expect(await engine.files({ id: "alice", tenant: "elsewhere" }, { limit: 9 })).toEqual({
      files: [],
    });
  });
});
