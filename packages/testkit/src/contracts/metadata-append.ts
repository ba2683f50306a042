// The contract of appends: tails, offsets, and sizes that come later.
import type { Change, Tail, UploadRecord } from "@holdfast/engine";
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import {
  sampleCommit,
  sampleFile,
  sampleFresh,
  samplePart,
  samplePublish,
  sampleTail,
  sampleUpload,
} from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";
import { itNeedsState } from "./metadata-states.ts";

export function describeMetadataAppend(bench: MetadataBench): void {
  describeAppend(bench);
  describeTail(bench);
  describeFixSize(bench);
  describeTold(bench);
  describeRoles(bench);
}

/** Of at most three parts of 1 MiB. */
function unknownSize(): UploadRecord {
  return sampleUpload(3, { hasSize: false, size: 3 * MIB });
}

function sampleAppend(
  { id, expiresAt }: UploadRecord,
  at: number,
  indexes: readonly number[],
  more: { readonly tail?: Tail; readonly size?: number } = {},
): Extract<Change, { readonly kind: "append" }> {
  const parts = indexes.map((index) => samplePart(index));
  return { kind: "append", id, at, parts, expiresAt, ...more };
}

async function begin(bench: MetadataBench, upload: UploadRecord, ...changes: readonly Change[]) {
  await bench.applyAll({ kind: "create", upload }, ...changes);
  return upload;
}

function describeAppend(bench: MetadataBench): void {
  describe("append", () => {
    it("commits whole parts and keeps the tail, and an offset is told from then on", async () => {
      const upload = await begin(bench, sampleUpload(3));
      const tail = sampleTail(1, 5000);
      const later = { ...upload, expiresAt: upload.expiresAt + 5 };
      await bench.store().apply(sampleAppend(later, 0, [0], { tail }));
      const told = { ...later, tail, hasToldOffset: true };
      expect(await bench.store().upload(upload.id)).toEqual(told);
      expect((await bench.store().parts(upload.id)).bits).toEqual(Uint8Array.of(1));
      await bench.reopen();
      expect(await bench.store().upload(upload.id)).toEqual(told);
    });
    it("goes on where the tail ends, and replaces it", async () => {
      const upload = await begin(bench, sampleUpload(3));
      const [first, second] = [sampleTail(0, 100), sampleTail(2, 4096, 1)];
      await bench.store().apply(sampleAppend(upload, 0, [], { tail: first }));
      await bench.store().apply(sampleAppend(upload, 100, [0, 1], { tail: second }));
      expect((await bench.store().upload(upload.id))?.tail).toEqual(second);
      await bench.store().apply(sampleAppend(upload, 2 * MIB + 4096, [2]));
      const whole = await bench.store().upload(upload.id);
      expect(whole).toEqual({ ...upload, hasToldOffset: true });
      expect((await bench.store().parts(upload.id)).bits).toEqual(Uint8Array.of(0b111));
    });
    it.each([
      ["behind the end", MIB + 101],
      ["before the end", MIB],
      ["at the beginning", 0],
    ])("is refused %s, with the offset that is right", async (_, at) => {
      const upload = await begin(bench, sampleUpload(3));
      const tail = sampleTail(1, 100);
      await bench.store().apply(sampleAppend(upload, 0, [0], { tail }));
      const other = sampleAppend(upload, at, [1], { tail: sampleTail(2, 7) });
      const refused = await refusal(bench.store().apply(other));
      expect(refused).toEqual({ code: "offset_mismatch", details: { offset: MIB + 100 } });
      expect((await bench.store().upload(upload.id))?.tail).toEqual(tail);
    });
    it("is remembered as how the bytes came where it brought the first ones, for ever", async () => {
      const protocolOf = async ({ id }: UploadRecord) =>
        (await bench.store().upload(id))?.protocol ?? "none";
      const [appended, sent, whole] = [sampleFresh(3), sampleFresh(3), sampleFresh(3)];
      await begin(bench, appended, sampleAppend(appended, 0, [0]), sampleCommit(appended, 1));
      await begin(bench, sent, sampleCommit(sent, 0), sampleAppend(sent, MIB, [1]));
      await begin(bench, { ...whole, protocol: "file" }, sampleAppend(whole, 0, [0]));
      const none = await begin(bench, sampleFresh(3));
      await refusal(bench.store().apply(sampleAppend(none, 5, [0])));
      const all = [appended, sent, whole, none];
      const expected = ["appends", "parts", "file", "none"];
      expect(await Promise.all(all.map(protocolOf))).toEqual(expected);
      const { id } = appended;
      const withdraw = { kind: "withdraw", id: sent.id, indexes: [0], at: 7 } as const;
      await bench.applyAll(withdraw, { kind: "seal", id, epoch: 0 });
      await bench.reopen();
      expect(await Promise.all(all.map(protocolOf))).toEqual(expected);
    });
    it("counts parts that came out of order, and stops before a gap", async () => {
      const upload = await begin(bench, sampleUpload(600));
      await bench.store().apply(sampleCommit(upload, ...Array(257).keys(), 258));
      const refused = await refusal(bench.store().apply(sampleAppend(upload, 0, [])));
      expect(refused.details).toEqual({ offset: 257 * MIB });
      await bench.store().apply(sampleAppend(upload, 257 * MIB, [257]));
      const next = await refusal(bench.store().apply(sampleAppend(upload, 0, [])));
      expect(next.details).toEqual({ offset: 259 * MIB });
    });
    it("resolves once more right after it has happened, and changes nothing", async () => {
      const upload = await begin(bench, unknownSize());
      const tail = sampleTail(1, 5000);
      const append = sampleAppend(upload, 0, [0], { tail, size: MIB + 6000 });
      await bench.applyAll(append, append);
      expect((await bench.store().upload(upload.id))?.tail).toEqual(tail);
      const other = { ...append, tail: sampleTail(1, 5000, 1) };
      expect((await refusal(bench.store().apply(other))).code).toBe("offset_mismatch");
    });
    it("is all or nothing where a part has another digest", async () => {
      const upload = await begin(bench, sampleUpload(3));
      await bench.store().apply(sampleCommit(upload, 1));
      const parts = [samplePart(0), samplePart(1, 1)];
      const refused = await refusal(bench.store().apply({ ...sampleAppend(upload, 0, []), parts }));
      expect(refused).toMatchObject({ code: "part_conflict", details: { index: 1 } });
      expect(await bench.store().upload(upload.id)).toEqual(upload);
      expect((await bench.store().parts(upload.id)).bits).toEqual(Uint8Array.of(0b10));
    });
    it.each([
      ["in another part than the next", [0], sampleTail(2, 7)],
      ["of a part that is committed", [0, 1], sampleTail(1, 7)],
      ["as large as its part", [0], sampleTail(1, MIB)],
      ["without a byte", [0], sampleTail(1, 0)],
      ["with another fragment than its size", [0], { ...sampleTail(1, 7), size: 8 }],
    ])("refuses a tail %s, and the parts with it", async (_, indexes, tail) => {
      const upload = await begin(bench, sampleUpload(3));
      const refused = await refusal(
        bench.store().apply(sampleAppend(upload, 0, indexes, { tail })),
      );
      expect(refused.code).toBe("internal");
      expect(await bench.store().upload(upload.id)).toEqual(upload);
      expect((await bench.store().parts(upload.id)).bits).toEqual(Uint8Array.of(0));
    });
    it("never goes back", async () => {
      const upload = await begin(bench, sampleUpload(3));
      await bench.store().apply(sampleAppend(upload, 0, [0], { tail: sampleTail(1, 100) }));
      for (const more of [{}, { tail: sampleTail(1, 99) }]) {
        const back = sampleAppend(upload, MIB + 100, [], more);
        expect((await refusal(bench.store().apply(back))).code).toBe("internal");
      }
      expect((await bench.store().upload(upload.id))?.tail?.size).toBe(100);
    });
    it("fixes the size in the same step", async () => {
      const upload = await begin(bench, unknownSize());
      await bench.store().apply(sampleAppend(upload, 0, [0, 1], { size: MIB + 7 }));
      expect(await bench.store().upload(upload.id)).toEqual({
        ...upload,
        hasSize: true,
        size: MIB + 7,
        hasToldOffset: true,
      });
      const { bits, digests } = await bench.store().parts(upload.id);
      expect([bits, digests.length]).toEqual([Uint8Array.of(0b11), 64]);
    });
    it("copies what it is given before it returns", async () => {
      const upload = await begin(bench, sampleUpload(3));
      const tail = sampleTail(1, 5000);
      const append = sampleAppend(upload, 0, [0], { tail: structuredClone(tail) });
      const applied = bench.store().apply(append);
      append.tail?.fragment.fill(0xff);
      append.tail?.digest.fill(0xff);
      for (const { digest } of append.parts) digest.fill(0xff);
      await applied;
      expect((await bench.store().upload(upload.id))?.tail).toEqual(tail);
      expect((await bench.store().parts(upload.id)).digests.slice(0, 32)).toEqual(
        samplePart(0).digest,
      );
    });
    itNeedsState(bench, "append", ["open"], (upload) => sampleAppend(upload, MIB - 1, []));
  });
}

function describeTail(bench: MetadataBench): void {
  describe("a tail", () => {
    async function withTail(): Promise<UploadRecord> {
      const upload = await begin(bench, sampleUpload(3));
      await bench.store().apply(sampleAppend(upload, 0, [0], { tail: sampleTail(1, 100) }));
      return upload;
    }
    it("goes in the commit of its part, and in no other", async () => {
      const upload = await withTail();
      await bench.store().apply(sampleCommit(upload, 0, 2));
      expect((await bench.store().upload(upload.id))?.tail).toBeDefined();
      const compared = [sampleTail(2, 7), sampleTail(1, 100)];
      await bench.store().apply({ ...sampleCommit(upload, 1), compared });
      expect(await bench.store().upload(upload.id)).toEqual({ ...upload, hasToldOffset: true });
    });
    it.each([
      ["none", []],
      ["a shorter one", [sampleTail(1, 99)]],
      ["one of other bytes", [sampleTail(1, 100, 1)]],
      ["that of another part", [sampleTail(2, 100)]],
    ])("refuses a part whose bytes were compared with %s", async (_, compared) => {
      const upload = await withTail();
      const commit = { ...sampleCommit(upload, 2, 1), compared };
      expect(await refusal(bench.store().apply(commit))).toEqual({
        code: "append_in_progress",
        details: { index: 1 },
      });
      expect((await bench.store().upload(upload.id))?.tail).toEqual(sampleTail(1, 100));
      expect((await bench.store().parts(upload.id)).bits[0]).toBe(1);
    });
    it.each([5000, 5001])("never reaches a size that is fixed, at %s bytes", async (size) => {
      const upload = await begin(bench, sampleUpload(3, { hasSize: false, size: 3 * MIB }));
      const { id } = upload;
      await bench.store().apply({ kind: "fix-size", id, size: MIB + 5000 });
      const late = sampleAppend(upload, 0, [0], { tail: sampleTail(1, size) });
      expect(await refusal(bench.store().apply(late))).toEqual({
        code: "size_mismatch",
        details: { size: MIB + 5000 },
      });
      expect((await bench.store().upload(id))?.tail).toBe(undefined);
    });
    it("stays where the commit of its part is refused", async () => {
      const upload = await withTail();
      const { id, expiresAt } = upload;
      const parts = [samplePart(1), samplePart(0, 1)];
      await refusal(bench.store().apply({ kind: "commit", id, parts, expiresAt }));
      expect((await bench.store().upload(id))?.tail).toBeDefined();
    });
    it("may be what is withdrawn: the upload fails, since its offset was a promise", async () => {
      const upload = await withTail();
      const { id } = upload;
      await bench.store().apply({ kind: "withdraw", id, indexes: [1], at: 7 });
      expect(await bench.store().upload(id)).toEqual({
        ...upload,
        hasToldOffset: true,
        state: "failed",
        epoch: 1,
        endedAt: 7,
        error: { code: "storage_failed", detail: expect.stringContaining("offset") },
      });
    });
  });
}

function describeFixSize(bench: MetadataBench): void {
  describe("fix-size", () => {
    it("fixes it once, and the grid shrinks to it", async () => {
      const upload = await begin(bench, sampleUpload(600, { hasSize: false, size: 600 * MIB }));
      const { id } = upload;
      await bench.store().apply(sampleCommit(upload, 0, 258));
      const size = 259 * MIB + 5;
      await bench.store().apply({ kind: "fix-size", id, size });
      await bench.store().apply({ kind: "fix-size", id, size });
      expect(await bench.store().upload(id)).toEqual({ ...upload, size, hasSize: true });
      const { bits, digests } = await bench.store().parts(id);
      expect([bits.length, digests.length]).toEqual([33, 260 * 32]);
      const other = await refusal(bench.store().apply({ kind: "fix-size", id, size: size + 1 }));
      expect(other).toEqual({ code: "size_mismatch", details: { size } });
      await bench.store().apply(sampleCommit(upload, 259));
      const outside = await refusal(bench.store().apply(sampleCommit(upload, 260)));
      expect(outside.code).toBe("part_out_of_range");
    });
    it("is nothing new where the size was known from the start", async () => {
      const upload = await begin(bench, sampleUpload(3));
      const { id, size } = upload;
      await bench.store().apply({ kind: "fix-size", id, size });
      expect(await bench.store().upload(id)).toEqual(upload);
      const refused = await refusal(bench.store().apply({ kind: "fix-size", id, size: 1 }));
      expect(refused).toEqual({ code: "size_mismatch", details: { size } });
    });
    it("cuts no committed part", async () => {
      const upload = await begin(bench, unknownSize());
      const { id } = upload;
      await bench.store().apply(sampleCommit(upload, 1));
      const size = 2 * MIB - 1;
      const refused = await refusal(bench.store().apply({ kind: "fix-size", id, size }));
      expect(refused).toEqual({ code: "size_mismatch", details: { end: 2 * MIB } });
      expect(await bench.store().upload(id)).toEqual(upload);
      await bench.store().apply({ kind: "fix-size", id, size: 2 * MIB });
    });
    it("cuts no tail", async () => {
      const upload = await begin(bench, unknownSize());
      const { id } = upload;
      await bench.store().apply(sampleAppend(upload, 0, [0], { tail: sampleTail(1, 100) }));
      const refused = await refusal(bench.store().apply({ kind: "fix-size", id, size: MIB + 99 }));
      expect(refused).toEqual({ code: "size_mismatch", details: { end: MIB + 100 } });
      await bench.store().apply({ kind: "fix-size", id, size: MIB + 100 });
    });
    it("stays below what the upload may become", async () => {
      const upload = await begin(bench, unknownSize());
      const { id } = upload;
      const refused = await refusal(
        bench.store().apply({ kind: "fix-size", id, size: 3 * MIB + 1 }),
      );
      expect(refused).toEqual({ code: "size_too_large", details: { limit: 3 * MIB } });
    });
    it("may be 0", async () => {
      const { id } = await begin(bench, unknownSize());
      await bench.store().apply({ kind: "fix-size", id, size: 0 });
      expect((await bench.store().parts(id)).bits).toHaveLength(0);
    });
    itNeedsState(bench, "fix-size", ["open"], ({ id, size }) => ({ kind: "fix-size", id, size }));
  });
}

function describeRoles(bench: MetadataBench): void {
  describe("roles", () => {
    const [first, second] = [sampleUpload().id, sampleUpload().id];
    it("are kept with the upload", async () => {
      for (const role of [
        { kind: "partial" },
        { kind: "final", partials: [first, second, first] },
      ] as const) {
        const upload = sampleUpload(1, { role });
        await bench.store().apply({ kind: "create", upload });
        expect(await bench.store().upload(upload.id)).toEqual(upload);
      }
    });
    it("let a final take bytes while it is completing, and nothing else", async () => {
      const role = { kind: "final", partials: [first] } as const;
      const upload = sampleUpload(2, { role, state: "completing" });
      const { id, expiresAt } = upload;
      await bench.store().apply({ kind: "create", upload });
      const parts = [samplePart(0), samplePart(1)];
      await bench.store().apply({ kind: "append", id, at: 0, parts, expiresAt });
      expect((await bench.store().parts(id)).bits).toEqual(new Uint8Array([3]));
      const file = sampleFile(upload);
      await bench.store().apply(samplePublish(file));
      expect(await bench.store().upload(id)).toMatchObject({ state: "complete", fileId: file.id });
      const commit = bench.store().apply(sampleCommit(upload, 0));
      expect((await refusal(commit)).code).toBe("upload_not_open");
    });
  });
}

function describeTold(bench: MetadataBench): void {
  describe("told", () => {
    it("makes a withdrawal the end", async () => {
      const upload = await bench.uploadIn("completing");
      const { id } = upload;
      await bench.applyAll({ kind: "told", id }, { kind: "told", id });
      expect(await bench.store().upload(id)).toMatchObject({ hasToldOffset: true });
      await bench.store().apply({ kind: "withdraw", id, indexes: [0], at: 7 });
      expect(await bench.store().upload(id)).toMatchObject({ state: "failed", endedAt: 7 });
      expect((await bench.store().due("uncleared", { limit: 9 })).map((due) => due.id)).toEqual([
        id,
      ]);
    });
    itNeedsState(bench, "told", ["open", "completing"], ({ id }) => ({ kind: "told", id }));
  });
}
