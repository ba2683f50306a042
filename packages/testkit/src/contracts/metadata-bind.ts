// The contract of parts in a place: bound to their digests before a byte goes out, committed there and nowhere else.
import { encodeBase64, MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { sampleDigest, samplePart } from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";
import { beginPlaced, bindOf, commitOf, HERE, partsOf, THERE } from "./metadata-placed.ts";
import { itNeedsState } from "./metadata-states.ts";

export function describeMetadataBind(bench: MetadataBench): void {
  describeBind(bench);
  describeCommitInPlace(bench);
}

function describeBind(bench: MetadataBench): void {
  describe("bind", () => {
    it("keeps digests of parts that are not committed, over a new start", async () => {
      const upload = await beginPlaced(bench, 300);
      await bench.applyAll(bindOf(upload, 0, 257, 299), bindOf(upload, 257, 1));
      await bench.reopen();
      const bound = [0, 1, 257, 299];
      const expected = { committed: [], bound, digests: bound, zeros: 296 };
      expect(await partsOf(bench, upload)).toEqual(expected);
      expect(await bench.store().upload(upload.id)).toEqual(upload);
    });
    it("leaves a committed part as it is that has the same digest", async () => {
      const upload = await beginPlaced(bench);
      await bench.applyAll(commitOf(upload, 1), bindOf(upload, 0, 1));
      expect(await partsOf(bench, upload)).toMatchObject({ committed: [1], bound: [0, 1] });
    });
    it.each(["bind", "commit"] as const)(
      "is write-once: a %s with another digest is refused, and all with it",
      async (kind) => {
        const upload = await beginPlaced(bench, 300);
        const { id, expiresAt } = upload;
        await bench.applyAll(bindOf(upload, 299), commitOf(upload, 1));
        const before = await partsOf(bench, upload);
        for (const index of [299, 1]) {
          const parts = [samplePart(0), samplePart(index, 1)];
          const change = { id, place: HERE, parts, expiresAt };
          const applied =
            kind === "bind"
              ? bench.store().apply({ kind, id, place: HERE, size: upload.size, parts })
              : bench.store().apply({ kind, ...change });
          const known = encodeBase64(sampleDigest(index));
          const details =
            index === 1 ? { index, committed: known } : { index, committed: false, bound: known };
          expect(await refusal(applied)).toEqual({ code: "part_conflict", details });
          expect(await partsOf(bench, upload)).toEqual(before);
        }
      },
    );
    it("is no append that has happened", async () => {
      const upload = await beginPlaced(bench);
      const { id, expiresAt } = upload;
      await bench.applyAll(commitOf(upload, 0), bindOf(upload, 1));
      const parts = [samplePart(1)];
      const append = { kind: "append", id, place: HERE, at: 0, parts, expiresAt } as const;
      expect(await refusal(bench.store().apply(append))).toEqual({
        code: "offset_mismatch",
        details: { offset: upload.partSize },
      });
      expect(await partsOf(bench, upload)).toMatchObject({ committed: [0], bound: [0, 1] });
    });
    it("refuses a part that comes twice with two digests", async () => {
      const upload = await beginPlaced(bench);
      const parts = [samplePart(1), samplePart(1, 1)];
      const refused = await refusal(bench.store().apply({ ...bindOf(upload), parts }));
      const bound = encodeBase64(sampleDigest(1));
      expect(refused.details).toEqual({ index: 1, committed: false, bound });
      expect(await partsOf(bench, upload)).toMatchObject({ bound: [] });
    });
    it("lets one of two digests win that come at once", async () => {
      const upload = await beginPlaced(bench);
      const digests = [0, 1, 0].map((content) => [samplePart(2, content)]);
      const outcomes = await Promise.allSettled(
        digests.map((parts) => bench.store().apply({ ...bindOf(upload), parts })),
      );
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(await partsOf(bench, upload)).toMatchObject({ bound: [2], digests: [2] });
    });
    it.each([3, -1, 1.5])("refuses part %s of 3, and all with it", async (index) => {
      const upload = await beginPlaced(bench);
      const refused = await refusal(bench.store().apply(bindOf(upload, 0, index)));
      expect(refused).toMatchObject({ code: "part_out_of_range", details: { partCount: 3 } });
      expect(await partsOf(bench, upload)).toMatchObject({ bound: [] });
    });
    it("refuses a digest that is none", async () => {
      const upload = await beginPlaced(bench);
      const parts = [{ index: 0, digest: new Uint8Array(31) }];
      expect((await refusal(bench.store().apply({ ...bindOf(upload), parts }))).code).toBe(
        "internal",
      );
    });
    it("is refused where the parts go elsewhere, or nowhere yet", async () => {
      const [placed, other] = [await beginPlaced(bench), await bench.uploadIn("open")];
      const elsewhere = { ...bindOf(placed, 0), place: THERE };
      for (const change of [elsewhere, bindOf(other, 0)]) {
        const refused = await refusal(bench.store().apply(change));
        expect(refused).toEqual({ code: "upload_not_open", details: { state: "open", epoch: 0 } });
      }
    });
    it("copies what it is given before it returns", async () => {
      const upload = await beginPlaced(bench);
      const bind = bindOf(upload, 0);
      const applied = bench.store().apply(bind);
      for (const { digest } of bind.parts) digest.fill(0xff);
      await applied;
      expect(await partsOf(bench, upload)).toMatchObject({ digests: [0] });
    });
    it("holds the size: no bound part is cut", async () => {
      const upload = await beginPlaced(bench, 300, { hasSize: false, size: 300 * MIB });
      const { id } = upload;
      await bench.store().apply(bindOf(upload, 257));
      const size = 258 * MIB - 1;
      const refused = await refusal(bench.store().apply({ kind: "fix-size", id, size }));
      expect(refused).toEqual({ code: "size_mismatch", details: { end: 258 * MIB } });
      await bench.store().apply({ kind: "fix-size", id, size: 258 * MIB + 1 });
      const { bits, bound, digests } = await bench.store().parts(id);
      expect([bits.length, bound.length, digests.length]).toEqual([33, 33, 259 * 32]);
      expect(await partsOf(bench, upload)).toMatchObject({ bound: [257], digests: [257] });
    });
    it.each([
      ["shorter", 1, 2 * MIB - 1],
      ["no more", 2, 2 * MIB],
    ])("is refused where its part is %s by a size that is fixed since", async (_, index, size) => {
      const upload = await beginPlaced(bench, 300, { hasSize: false, size: 300 * MIB });
      const { id } = upload;
      await bench.store().apply({ kind: "fix-size", id, size });
      const refused = await refusal(bench.store().apply(bindOf(upload, 0, index)));
      expect(refused).toEqual({ code: "size_mismatch", details: { size } });
      expect(await partsOf(bench, upload)).toMatchObject({ bound: [] });
      // What it has cut nothing of is bound all the same, and the last part by whoever knows the size.
      await bench.applyAll(bindOf(upload, 0), bindOf({ ...upload, size }, 1));
      expect(await partsOf(bench, upload)).toMatchObject({ bound: [0, 1] });
    });
    it("takes no room of its principal: nothing is stored yet", async () => {
      const upload = await beginPlaced(bench, 3, { hasSize: false, size: 3 * MIB });
      await bench.store().apply(bindOf(upload, 0, 1));
      expect(await bench.store().counts()).toMatchObject({ bytes: 0 });
      await bench.store().apply(commitOf(upload, 0));
      expect(await bench.store().counts()).toMatchObject({ bytes: MIB });
    });
    itNeedsState(bench, "bind", ["open"], (upload) => bindOf(upload, 0));
  });
}

function describeCommitInPlace(bench: MetadataBench): void {
  describe("a commit in a place", () => {
    it("binds what was not bound", async () => {
      const upload = await beginPlaced(bench, 300);
      await bench.applyAll(bindOf(upload, 299, 7), commitOf(upload, 299, 0));
      const bound = [0, 7, 299];
      const expected = { committed: [0, 299], bound, digests: bound, zeros: 297 };
      expect(await partsOf(bench, upload)).toEqual(expected);
    });
    it("is refused where the bytes lie in another place, or in none", async () => {
      const upload = await beginPlaced(bench);
      const { id, expiresAt } = upload;
      const parts = [samplePart(0)];
      for (const where of [{}, { place: THERE }]) {
        const commit = { kind: "commit", id, ...where, parts, expiresAt } as const;
        const append = { kind: "append", id, at: 0, ...where, parts, expiresAt } as const;
        for (const change of [commit, append]) {
          const refused = await refusal(bench.store().apply(change));
          const details = { state: "open", epoch: 0 };
          expect(refused).toEqual({ code: "upload_not_open", details });
        }
      }
      expect(await partsOf(bench, upload)).toMatchObject({ committed: [], bound: [] });
      const none = { kind: "commit", id, parts: [], expiresAt: expiresAt + 1 } as const;
      await bench.store().apply(none);
      expect((await bench.store().upload(id))?.expiresAt).toBe(expiresAt + 1);
    });
    it("is refused for a place where there is none", async () => {
      const upload = await bench.uploadIn("open");
      const commit = { ...commitOf(upload, 0), place: HERE };
      const refused = await refusal(bench.store().apply(commit));
      expect(refused).toEqual({ code: "upload_not_open", details: { state: "open", epoch: 0 } });
    });
    it("stays bound when it is withdrawn: late writers bring the same bytes", async () => {
      const upload = await beginPlaced(bench);
      const { id, expiresAt } = upload;
      await bench.applyAll(commitOf(upload, 0, 1), {
        kind: "withdraw",
        id,
        indexes: [1, 2],
        at: 7,
      });
      expect(await partsOf(bench, upload)).toMatchObject({ committed: [0], bound: [0, 1] });
      const parts = [samplePart(1, 1)];
      const other = { kind: "commit", id, place: HERE, parts, expiresAt } as const;
      expect((await refusal(bench.store().apply(other))).details).toMatchObject({
        committed: false,
      });
      await bench.store().apply(commitOf(upload, 1));
      expect(await partsOf(bench, upload)).toMatchObject({ committed: [0, 1] });
    });
  });
}
