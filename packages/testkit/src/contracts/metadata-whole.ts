// The contract of a metadata store as a whole: what reads see, many changes at once, big uploads, a new start.
import type { UploadRecord } from "@holdfast/engine";
import { MIB, UPLOAD_STATES } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import {
  sampleCommit,
  sampleDigest,
  sampleFile,
  samplePart,
  sampleUpload,
} from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";

export function describeMetadataWhole(bench: MetadataBench): void {
  describe("as a whole", () => {
    it("knows nothing of what it was never told", async () => {
      const upload = sampleUpload();
      expect(await bench.store().upload(upload.id)).toBeUndefined();
      expect(await bench.store().file(sampleFile(upload).id)).toBeUndefined();
      expect((await refusal(bench.store().parts(upload.id))).code).toBe("upload_not_found");
      expect(await bench.store().counts()).toEqual({ open: 0, bytes: 0, files: 0 });
    });
    it("counts uploads that have not ended, what they reserve, and files", async () => {
      for (const state of UPLOAD_STATES) await bench.uploadIn(state);
      await bench.uploadIn("open");
      expect(await bench.store().counts()).toEqual({ open: 3, bytes: 4 * MIB, files: 1 });
    });
    it("counts for each principal alone", async () => {
      const mine = { id: "principal-1", tenant: "tenant-1" };
      await bench.uploadIn("complete");
      await bench.uploadIn("open");
      const theirs = sampleUpload(2, { principal: "principal-2" });
      const elsewhere = sampleUpload(2, { tenant: "tenant-2" });
      for (const upload of [theirs, elsewhere]) await bench.applyAll({ kind: "create", upload });
      expect(await bench.store().counts(mine)).toEqual({ open: 1, bytes: 2 * MIB, files: 1 });
      expect(await bench.store().counts({ ...mine, id: "principal-2" })).toEqual({
        open: 1,
        bytes: 2 * MIB,
        files: 0,
      });
      expect(await bench.store().counts({ ...mine, tenant: "tenant-3" })).toEqual({
        open: 0,
        bytes: 0,
        files: 0,
      });
      expect(await bench.store().counts()).toEqual({ open: 3, bytes: 6 * MIB, files: 1 });
    });
    it("hands out copies of the parts", async () => {
      const { id } = await bench.uploadIn("open");
      (await bench.store().parts(id)).digests.fill(0);
      (await bench.store().parts(id)).bits.fill(0);
      expect((await bench.store().parts(id)).digests).toEqual(sampleDigest(0));
    });
    it("takes many changes at once, in their order, each on its own", async () => {
      const upload = sampleUpload(512);
      const { id, expiresAt } = upload;
      const created = bench.store().apply({ kind: "create", upload });
      const applied = [...Array(512).keys()].map((index) =>
        bench
          .store()
          .apply(
            index % 3 === 2
              ? { kind: "commit", id, parts: [samplePart(index), samplePart(0, 1)], expiresAt }
              : sampleCommit(upload, index),
          ),
      );
      const settled = await Promise.allSettled([created, ...applied]);
      const failed = settled.slice(1).map(({ status }) => status === "rejected");
      expect(settled[0].status).toBe("fulfilled");
      expect(failed).toEqual(failed.map((_, index) => index % 3 === 2));
      const { bits } = await bench.store().parts(id);
      const isThere = failed.map((_, i) => ((bits[i >> 3] ?? 0) & (1 << (i & 7))) !== 0);
      expect(isThere).toEqual(failed.map((isFailed) => !isFailed));
    });
    it("keeps 100,000 parts", async () => {
      const upload = sampleUpload(100_000);
      await bench.store().apply({ kind: "create", upload });
      const runs = [...Array(100_000 / 50).keys()].map((run) =>
        sampleCommit(upload, ...Array.from({ length: 50 }, (_, at) => run * 50 + at)),
      );
      await Promise.all(runs.map((run) => bench.store().apply(run)));
      await bench.reopen();
      const { bits, digests } = await bench.store().parts(upload.id);
      expect(bits).toEqual(new Uint8Array(12_500).fill(0xff));
      expect(digests).toHaveLength(3_200_000);
      for (const index of [0, 255, 256, 65_535, 99_999]) {
        expect(digests.slice(index * 32, index * 32 + 32)).toEqual(sampleDigest(index));
      }
    });
    it("keeps everything over a new start", async () => {
      const uploads: UploadRecord[] = [];
      for (const state of UPLOAD_STATES) uploads.push(await bench.uploadIn(state));
      const read = async () => ({
        uploads: await Promise.all(uploads.map(({ id }) => bench.store().upload(id))),
        parts: await Promise.all(uploads.map(({ id }) => bench.store().parts(id))),
        counts: await bench.store().counts(),
        completing: await bench.store().due("completing", { limit: 10 }),
        uncleared: await bench.store().due("uncleared", { limit: 10 }),
        outbox: await bench.outbox(),
      });
      const before = await read();
      await bench.reopen();
      expect(await read()).toEqual(before);
      const fileId = before.uploads.find((upload) => upload?.fileId)?.fileId;
      expect(fileId && (await bench.store().file(fileId))).toMatchObject({ manifestSize: 4711 });
    });
    it("finishes what was applied before it closes, and takes nothing after", async () => {
      const upload = sampleUpload();
      const applied = bench.store().apply({ kind: "create", upload });
      const closed = bench.store().close();
      expect((await refusal(bench.store().apply({ kind: "create", upload }))).code).toBe(
        "shutting_down",
      );
      expect((await refusal(bench.store().upload(upload.id))).code).toBe("shutting_down");
      await Promise.all([applied, closed, bench.store().close()]);
      await bench.reopen();
      expect(await bench.store().upload(upload.id)).toEqual(upload);
    });
  });
}
