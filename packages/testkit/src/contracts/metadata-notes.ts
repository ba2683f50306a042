// What comes to stand beside files and uploads: a part of the contract of metadata stores.
import { describe, expect, it } from "vitest";
import { sampleDelete, samplePlace, sampleStore } from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";

export function describeMetadataNotes(bench: MetadataBench): void {
  describe("note", () => {
    it("stands beside its file, and goes again", async () => {
      const stored = sampleStore();
      const { file } = stored;
      const { id, uploadId, tenant } = file;
      await bench.applyAll(
        ...[stored, { kind: "note", id, note: { kind: "public", at: 7 } } as const],
        { kind: "note", id, note: { kind: "revoked", link: "a", until: 9, now: 5 } },
        { kind: "note", id, note: { kind: "damaged", indexes: [1] } },
      );
      const notes = { publicAt: 7, revoked: [{ id: "a", until: 9 }], damaged: [1] };
      expect(await bench.store().file(id)).toEqual({ ...file, notes });
      expect(await bench.store().files({ tenant, limit: 9 })).toEqual([{ ...file, notes }]);
      const due = [{ id: uploadId, fileId: id, size: file.size, at: file.createdAt }];
      expect(await bench.store().due("damaged", { limit: 9 })).toEqual(due);
      await bench.applyAll(
        { kind: "note", id, note: { kind: "healed", indexes: [1] } },
        { kind: "note", id, note: { kind: "private" } },
      );
      const { revoked } = notes;
      expect(await bench.store().file(id)).toEqual({ ...file, notes: { revoked } });
      expect(await bench.store().due("damaged", { limit: 9 })).toEqual([]);
    });
    it("may say that all links of before were taken back", async () => {
      const stored = sampleStore();
      const notes = {
        revoked: [
          { before: 7, until: 9 },
          { id: "a", until: 9 },
        ],
      };
      await bench.applyAll({ ...stored, file: { ...stored.file, notes } });
      expect((await bench.store().file(stored.file.id))?.notes).toEqual(notes);
    });
    it("is for files that can be read", async () => {
      const stored = sampleStore();
      const { id } = stored.file;
      const note = { kind: "note", id, note: { kind: "damaged", indexes: [0] } } as const;
      expect((await refusal(bench.store().apply(note))).code).toBe("file_not_found");
      await bench.applyAll(stored, note, sampleDelete(id));
      expect((await refusal(bench.store().apply(note))).code).toBe("file_not_found");
      expect(await bench.store().due("damaged", { limit: 9 })).toEqual([]);
    });
  });
  describe("relocate", () => {
    /** A file whose bytes are in a place. */
    function placed() {
      const stored = sampleStore();
      const place = samplePlace(1);
      const { upload, file } = stored;
      return { ...stored, upload: { ...upload, place }, file: { ...file, place } };
    }
    const [here, there] = [samplePlace(1), samplePlace(2)];

    it("leads to other bytes, which are all right, once", async () => {
      const stored = placed();
      const { id } = stored.file;
      await bench.applyAll(
        ...[stored, { kind: "note", id, note: { kind: "public", at: 7 } } as const],
        { kind: "note", id, note: { kind: "damaged", indexes: [1] } },
      );
      const change = { kind: "relocate", id, place: there, instead: here } as const;
      await bench.applyAll(change, change);
      const now = { ...stored.file, place: there, notes: { publicAt: 7 } };
      expect(await bench.store().file(id)).toEqual(now);
      expect(await bench.store().due("damaged", { limit: 9 })).toEqual([]);
      await bench.applyAll({ ...change, place: samplePlace(3) });
      expect(await bench.store().file(id)).toEqual(now);
    });
    it("is for files that are damaged: of any other nothing is kept but what it has", async () => {
      const stored = placed();
      const { id } = stored.file;
      await bench.applyAll(stored, { kind: "note", id, note: { kind: "public", at: 7 } });
      await bench.applyAll({ kind: "relocate", id, place: there, instead: here });
      expect(await bench.store().file(id)).toEqual({ ...stored.file, notes: { publicAt: 7 } });
    });
    it("is for files that can be read", async () => {
      const stored = placed();
      const { id } = stored.file;
      const change = { kind: "relocate", id, place: there, instead: here } as const;
      expect((await refusal(bench.store().apply(change))).code).toBe("file_not_found");
      await bench.applyAll(stored, sampleDelete(id));
      expect((await refusal(bench.store().apply(change))).code).toBe("file_not_found");
      expect((await bench.store().file(id))?.place).toBe(here);
    });
  });
  describe("revoke-link", () => {
    it.each(["open", "complete"] as const)("stands in an upload that is %s", async (state) => {
      const { id } = await bench.uploadIn(state);
      const before = (await bench.versioned().upload(id))?.version ?? Number.NaN;
      const change = { kind: "revoke-link", id, link: "a", until: 9, now: 5 } as const;
      await bench.applyAll(change, change);
      const revoked = [{ id: "a", until: 9 }];
      const now = await bench.versioned().upload(id);
      expect(now).toMatchObject({ revoked, version: before + 1 });
    });
  });
}
