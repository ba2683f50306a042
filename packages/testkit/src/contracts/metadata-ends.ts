// The contract of ends: what expires, what is forgotten, files in one piece, files that are deleted; keys and limits, which ends set free.
import type { UploadRecord } from "@holdfast/engine";
import { KIB, MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import {
  sampleCommit,
  sampleDelete,
  sampleDigest,
  sampleFile,
  samplePublish,
  sampleStore,
  sampleUpload,
} from "../metadata/samples.ts";
import { type MetadataBench, refusal, SAMPLE_END } from "./metadata-bench.ts";
import { itNeedsState } from "./metadata-states.ts";

export function describeMetadataEnds(bench: MetadataBench): void {
  describeExpire(bench);
  describeForget(bench);
  describeStore(bench);
  describeStoreAlone(bench);
  describeDelete(bench);
  describeKeys(bench);
  describeLimits(bench);
}

function describeExpire(bench: MetadataBench): void {
  describe("expire", () => {
    it("ends an upload whose time is over, once", async () => {
      const upload = await bench.uploadIn("open");
      const { id, expiresAt } = upload;
      await bench.store().apply({ kind: "expire", id, now: expiresAt });
      await bench.store().apply({ kind: "expire", id, now: expiresAt + 1 });
      expect(await bench.store().upload(id)).toEqual({
        ...upload,
        state: "expired",
        endedAt: expiresAt,
      });
    });
    it("leaves one that a commit has come in for", async () => {
      const upload = await bench.uploadIn("open");
      const { id, expiresAt } = upload;
      const later = expiresAt + 10;
      await bench.store().apply(sampleCommit({ ...upload, expiresAt: later }, 0));
      const refused = await refusal(bench.store().apply({ kind: "expire", id, now: expiresAt }));
      expect(refused).toEqual({
        code: "upload_not_open",
        details: { state: "open", epoch: 0, expiresAt: later },
      });
    });
    it("is due by its expiry, oldest first, page by page", async () => {
      const at = 1_700_000_000_000;
      const uploads = [5, 3, 9, 3, 7].map((ms) => sampleUpload(1, { expiresAt: at + ms }));
      for (const upload of uploads) await bench.store().apply({ kind: "create", upload });
      const sorted = uploads.toSorted(
        (a, b) => a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1),
      );
      const expected = sorted.map(({ id, size, expiresAt }) => ({ id, size, at: expiresAt }));
      const query = { before: at + 9, limit: 3 };
      const first = await bench.store().due("expired", query);
      expect(first).toEqual(expected.slice(0, 3));
      const [, , after] = first;
      const rest = await bench.store().due("expired", { ...query, ...(after ? { after } : {}) });
      expect(rest).toEqual(expected.slice(3, 4));
    });
    itNeedsState(bench, "expire", ["open", "expired"], ({ id, expiresAt }) => ({
      kind: "expire",
      id,
      now: expiresAt,
    }));
  });
}

function describeForget(bench: MetadataBench): void {
  describe("forget", () => {
    it("removes the record of an end whose bytes are gone, with its parts", async () => {
      const { id } = await bench.uploadIn("aborted");
      const forget = { kind: "forget", id, before: SAMPLE_END + 1 } as const;
      expect((await refusal(bench.store().apply(forget))).code).toBe("upload_not_open");
      await bench.applyAll({ kind: "cleared", id }, forget, forget);
      expect(await bench.store().upload(id)).toBeUndefined();
      expect((await refusal(bench.store().parts(id))).code).toBe("upload_not_found");
      expect(await bench.store().due("forgettable", { limit: 9 })).toEqual([]);
    });
    it("leaves the file of a complete one", async () => {
      const { id } = await bench.uploadIn("complete");
      const { fileId = "", endedAt = 0 } = (await bench.store().upload(id)) ?? {};
      await bench.store().apply({ kind: "forget", id, before: endedAt + 1 });
      expect(await bench.store().upload(id)).toBeUndefined();
      const [file] = await bench.store().files({ tenant: "tenant-1", limit: 9 });
      expect(file).toMatchObject({ id: fileId, uploadId: id });
    });
    it("waits for its moment", async () => {
      const { id } = await bench.uploadIn("failed");
      await bench.store().apply({ kind: "cleared", id });
      const early = { kind: "forget", id, before: SAMPLE_END } as const;
      expect((await refusal(bench.store().apply(early))).code).toBe("upload_not_open");
      expect(await bench.store().due("forgettable", { before: SAMPLE_END, limit: 9 })).toEqual([]);
      const due = await bench.store().due("forgettable", { before: SAMPLE_END + 1, limit: 9 });
      expect(due).toEqual([{ id, size: MIB - 1, at: SAMPLE_END }]);
    });
    it.each(["open", "completing"] as const)("never takes one that is %s", async (state) => {
      const { id } = await bench.uploadIn(state);
      const forget = { kind: "forget", id, before: Number.MAX_SAFE_INTEGER } as const;
      expect((await refusal(bench.store().apply(forget))).code).toBe("upload_not_open");
      expect(await bench.store().upload(id)).toBeDefined();
    });
  });
}

function describeStore(bench: MetadataBench): void {
  describe("store", () => {
    it("makes a file and its upload visible together, once", async () => {
      const store = sampleStore();
      const { upload, file, outbox } = store;
      await bench.applyAll(store, store);
      expect(await bench.store().upload(upload.id)).toEqual(upload);
      expect(await bench.store().file(file.id)).toEqual(file);
      expect(await bench.store().file({ uploadId: upload.id })).toEqual(file);
      expect((await bench.store().parts(upload.id)).bits).toEqual(Uint8Array.of(0b11));
      expect(await bench.outbox()).toEqual([outbox]);
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: 2 * MIB, files: 1 });
    });
    it("takes an empty file", async () => {
      const store = sampleStore(0);
      await bench.store().apply(store);
      expect(await bench.store().file(store.file.id)).toEqual(store.file);
    });
    it("keeps what was verified", async () => {
      const { file, upload, ...rest } = sampleStore(1, { verify: "readback" });
      const sha256 = sampleDigest(7, 7);
      await bench.store().apply({
        ...rest,
        file: { ...file, sha256 },
        upload: { ...upload, sha256 },
      });
      expect(await bench.store().file(file.id)).toEqual({ ...file, sha256 });
      expect(await bench.store().upload(upload.id)).toEqual({ ...upload, sha256 });
    });
    it("refuses a file without all of its parts", async () => {
      const store = sampleStore();
      const parts = store.parts.slice(1);
      const refused = await refusal(bench.store().apply({ ...store, parts }));
      expect(refused.code).toBe("internal");
      expect(await bench.store().upload(store.upload.id)).toBeUndefined();
      expect(await bench.store().file(store.file.id)).toBeUndefined();
    });
    it("refuses another file for the same upload", async () => {
      const { upload, file, ...rest } = sampleStore();
      await bench.store().apply({ upload, file, ...rest });
      const other = sampleFile(upload);
      const refused = await refusal(
        bench.store().apply({
          ...rest,
          upload: { ...upload, fileId: other.id },
          file: other,
        }),
      );
      expect(refused.code).toBe("upload_not_open");
      expect(await bench.store().file(other.id)).toBeUndefined();
    });
  });
}

function describeStoreAlone(bench: MetadataBench): void {
  describe("store-alone", () => {
    const sample = () => {
      const { file, outbox } = sampleStore();
      return { kind: "store-alone", file, outbox } as const;
    };
    it("makes a file without an upload visible, once", async () => {
      const alone = sample();
      const { file, outbox } = alone;
      await bench.applyAll(alone, alone);
      expect(await bench.store().file(file.id)).toEqual(file);
      expect(await bench.store().file({ uploadId: file.uploadId })).toEqual(file);
      expect(await bench.store().upload(file.uploadId)).toBeUndefined();
      expect(await bench.store().files({ tenant: file.tenant, limit: 9 })).toEqual([file]);
      expect(await bench.outbox()).toEqual([outbox]);
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: 2 * MIB, files: 1 });
    });
    it("is within the limits of its principal", async () => {
      const limits = { bytesMax: 3 * MIB };
      const [first, second] = [sample(), sample()];
      await bench.store().apply({ ...first, limits });
      expect((await refusal(bench.store().apply({ ...second, limits }))).code).toBe(
        "quota_exceeded",
      );
      expect(await bench.store().file(second.file.id)).toBeUndefined();
      expect(await bench.outbox()).toEqual([first.outbox]);
    });
    it("refuses another file under the same id, or over the same bytes", async () => {
      const [first, second] = [sample(), sample()];
      await bench.store().apply(first);
      for (const file of [
        { ...second.file, id: first.file.id },
        { ...second.file, uploadId: first.file.uploadId },
      ]) {
        const refused = await refusal(bench.store().apply({ ...second, file }));
        expect(refused.code).toBe("internal");
      }
      expect(await bench.store().file(first.file.id)).toEqual(first.file);
      expect(await bench.outbox()).toEqual([first.outbox]);
    });
    it("is deleted as any other", async () => {
      const alone = sample();
      const { id } = alone.file;
      await bench.applyAll(alone, sampleDelete(id), { kind: "erased", id });
      expect(await bench.store().file(id)).toBeUndefined();
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: 0, files: 0 });
    });
  });
}

function describeDelete(bench: MetadataBench): void {
  describe("delete and erased", () => {
    it("hide a file with its upload, then remove it", async () => {
      const store = sampleStore();
      const { file, upload } = store;
      const deletion = sampleDelete(file.id);
      await bench.applyAll(store, deletion, sampleDelete(file.id));
      expect(await bench.store().file(file.id)).toEqual({ ...file, state: "deleting" });
      expect((await bench.store().file({ uploadId: upload.id }))?.id).toBe(file.id);
      expect(await bench.store().files({ tenant: file.tenant, limit: 9 })).toEqual([]);
      expect(await bench.store().upload(upload.id)).toBeUndefined();
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: 2 * MIB, files: 0 });
      const due = { id: upload.id, fileId: file.id, size: file.size, at: file.createdAt };
      expect(await bench.store().due("deleting", { limit: 9 })).toEqual([due]);
      expect((await bench.outbox()).map(({ id, kind }) => [id, kind])).toEqual([
        [store.outbox.id, "upload.complete"],
        [deletion.outbox.id, "file.deleted"],
      ]);
      await bench.applyAll({ kind: "erased", id: file.id }, { kind: "erased", id: file.id });
      expect(await bench.store().file(file.id)).toBeUndefined();
      expect(await bench.store().due("deleting", { limit: 9 })).toEqual([]);
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: 0, files: 0 });
    });
    it("know no file that is not there", async () => {
      const { file } = sampleStore();
      expect((await refusal(bench.store().apply(sampleDelete(file.id)))).code).toBe(
        "file_not_found",
      );
      expect(await bench.outbox()).toEqual([]);
    });
    it("never remove a file that can be read", async () => {
      const store = sampleStore();
      const { file } = store;
      await bench.store().apply(store);
      const refused = await refusal(bench.store().apply({ kind: "erased", id: file.id }));
      expect(refused.code).toBe("internal");
      expect(await bench.store().file(file.id)).toEqual(file);
    });
  });
  describe("files", () => {
    it("are listed newest first, a tenant at a time, in steps that stand while files come and go", async () => {
      const at = 1_700_000_000_000;
      const stores = [4, 2, 9, 2, 7, 5].map((ms) => {
        const { file, upload, ...rest } = sampleStore(1);
        const createdAt = at + ms;
        return { ...rest, file: { ...file, createdAt }, upload: { ...upload, endedAt: createdAt } };
      });
      for (const store of stores) await bench.store().apply(store);
      await bench.store().apply(sampleStore(1, { tenant: "tenant-2" }));
      const sorted = stores
        .map(({ file }) => file)
        .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
      const query = { tenant: "tenant-1", limit: 2 };
      const first = await bench.store().files(query);
      expect(first).toEqual(sorted.slice(0, 2));
      const [, last] = first;
      if (last) await bench.store().apply(sampleDelete(last.id));
      const { file, ...newer } = sampleStore(1);
      await bench.store().apply({ ...newer, file: { ...file, createdAt: at + 100 } });
      const rest = await bench
        .store()
        .files({ ...query, limit: 9, ...(last ? { after: last } : {}) });
      expect(rest).toEqual(sorted.slice(2));
    });
  });
}

function describeKeys(bench: MetadataBench): void {
  describe("a create key", () => {
    const key = { name: sampleDigest(1), request: sampleDigest(2) };
    const owner = { tenant: "tenant-1", principal: "principal-1", name: key.name };
    it("finds its upload, and is taken once", async () => {
      const upload = sampleUpload(1, { key });
      await bench.applyAll({ kind: "create", upload }, { kind: "create", upload });
      expect(await bench.store().upload(owner)).toEqual(upload);
      for (const change of [
        { kind: "create", upload: sampleUpload(1, { key }) } as const,
        sampleStore(1, { key }),
      ]) {
        expect((await refusal(bench.store().apply(change))).code).toBe("idempotency_conflict");
        expect(await bench.store().upload(change.upload.id)).toBeUndefined();
      }
      await bench.reopen();
      expect(await bench.store().upload(owner)).toEqual(upload);
    });
    it("belongs to a principal of a tenant", async () => {
      const upload = sampleUpload(1, { key });
      const others = [
        sampleUpload(1, { key, principal: "principal-2" }),
        sampleUpload(1, { key, tenant: "tenant-2" }),
        sampleUpload(1, { key: { ...key, name: sampleDigest(3) } }),
      ];
      for (const one of [upload, ...others]) await bench.applyAll({ kind: "create", upload: one });
      expect((await bench.store().upload(owner))?.id).toBe(upload.id);
      expect(
        (await bench.store().upload({ ...owner, principal: "principal-3" }))?.id,
      ).toBeUndefined();
    });
    it("is free again when its upload is forgotten", async () => {
      const upload = sampleUpload(1, { key });
      const { id } = upload;
      await bench.applyAll(
        { kind: "create", upload },
        { kind: "end", id, state: "aborted", at: 7 },
        { kind: "cleared", id },
        { kind: "forget", id, before: 8 },
      );
      expect(await bench.store().upload(owner)).toBeUndefined();
      await bench.store().apply({ kind: "create", upload: sampleUpload(1, { key }) });
    });
    it("is copied before apply returns", async () => {
      const given = structuredClone(key);
      const upload = sampleUpload(1, { key: given });
      const applied = bench.store().apply({ kind: "create", upload });
      given.name.fill(0);
      given.request.fill(0);
      await applied;
      expect((await bench.store().upload(owner))?.key).toEqual(key);
    });
  });
}

function describeLimits(bench: MetadataBench): void {
  describe("limits", () => {
    const create = (upload: UploadRecord, limits: { openMax?: number; bytesMax?: number }) =>
      bench.store().apply({ kind: "create", upload, limits });

    it("are looked at in the step that takes the room, however many come at once", async () => {
      const limits = { openMax: 9, bytesMax: 7 * MIB };
      const uploads = Array.from({ length: 30 }, () => sampleUpload(1));
      const settled = await Promise.allSettled(uploads.map((upload) => create(upload, limits)));
      const outcomes = settled.map((one) => (one.status === "rejected" ? one.reason : "done"));
      expect(outcomes.slice(0, 7)).toEqual(Array(7).fill("done"));
      for (const refused of outcomes.slice(7)) {
        const details = { limit: "bytesMax", max: 7 * MIB };
        expect(refused).toMatchObject({ code: "quota_exceeded", details });
      }
      expect(await bench.store().counts()).toMatchObject({ open: 7, bytes: 7 * MIB });
    });
    it("count files too, until their bytes are gone", async () => {
      const store = sampleStore(1);
      await bench.store().apply({ ...store, limits: { bytesMax: MIB } });
      const limits = { bytesMax: 2 * MIB - 1 };
      const next = sampleUpload(1);
      expect((await refusal(create(next, limits))).code).toBe("quota_exceeded");
      await bench.store().apply(sampleDelete(store.file.id));
      expect((await refusal(create(next, limits))).code).toBe("quota_exceeded");
      const another = { ...sampleStore(1), limits };
      expect((await refusal(bench.store().apply(another))).code).toBe("quota_exceeded");
      await bench.store().apply({ kind: "erased", id: store.file.id });
      await create(next, limits);
    });
    it("let a published upload count once", async () => {
      const upload = await bench.uploadIn("completing");
      await bench.store().apply(samplePublish(sampleFile(upload)));
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: MIB, files: 1 });
    });
    it("count an upload of unknown size by its parts, and whole once its size is fixed", async () => {
      const upload = sampleUpload(4, { hasSize: false, size: 4 * MIB });
      const { id } = upload;
      const limits = { bytesMax: 2 * MIB };
      await create(upload, limits);
      expect((await bench.store().counts()).bytes).toBe(0);
      await bench.store().apply({ ...sampleCommit(upload, 0, 1), limits });
      expect((await bench.store().counts()).bytes).toBe(2 * MIB);
      const more = { ...sampleCommit(upload, 2), limits };
      expect((await refusal(bench.store().apply(more))).code).toBe("quota_exceeded");
      const fix = { kind: "fix-size", id, size: 2 * MIB + 1 } as const;
      expect((await refusal(bench.store().apply({ ...fix, limits }))).code).toBe("quota_exceeded");
      await bench.store().apply({ kind: "withdraw", id, indexes: [0], at: 7 });
      expect((await bench.store().counts()).bytes).toBe(MIB);
      await bench.store().apply(fix);
      expect((await bench.store().counts()).bytes).toBe(2 * MIB + KIB);
      await bench.store().apply({ kind: "end", id, state: "aborted", at: 8 });
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: 0, files: 0 });
    });
  });
}
