// The contract of each change: what it requires, what it does, and what it does the second time.
import type { DueKind, UploadRecord } from "@holdfast/engine";
import {
  checkMetadata,
  checkName,
  checkType,
  encodeBase64,
  isHoldfastError,
} from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  sampleCommit,
  sampleDigest,
  sampleFile,
  samplePart,
  samplePublish,
  sampleTail,
  sampleUpload,
} from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";
import { itNeedsState } from "./metadata-states.ts";

export function describeMetadataChanges(bench: MetadataBench): void {
  describeCreate(bench);
  describeTexts(bench);
  describeCommit(bench);
  describeWithdraw(bench);
  describeSeal(bench);
  describePublish(bench);
  describeEnd(bench);
}

function describeCreate(bench: MetadataBench): void {
  describe("create", () => {
    it("keeps the record as it is", async () => {
      const upload = sampleUpload(3, { size: Number.MAX_SAFE_INTEGER, partSize: 2 ** 40 });
      await bench.store().apply({ kind: "create", upload });
      expect(await bench.store().upload(upload.id)).toEqual(upload);
    });
    it("begins without committed parts", async () => {
      const upload = sampleUpload(9);
      await bench.store().apply({ kind: "create", upload });
      const { bits, digests } = await bench.store().parts(upload.id);
      expect(bits).toEqual(new Uint8Array(2));
      expect(digests).toEqual(new Uint8Array(9 * 32));
    });
    it("takes an empty upload", async () => {
      const upload = sampleUpload(0);
      await bench.store().apply({ kind: "create", upload });
      expect((await bench.store().parts(upload.id)).bits).toHaveLength(0);
    });
    it("changes nothing the second time, whatever the upload has become", async () => {
      const upload = await bench.uploadIn("completing");
      await bench.store().apply({ kind: "create", upload });
      expect(await bench.store().upload(upload.id)).toEqual({ ...upload, state: "completing" });
    });
    it("begins without a tail, and without a claim", async () => {
      const claim = { token: 1, holder: "a", isWanted: false };
      for (const given of [{ tail: sampleTail(0, 1) }, { claim }]) {
        const upload = sampleUpload(3, given);
        const { code } = await refusal(bench.store().apply({ kind: "create", upload }));
        expect(code).toBe("internal");
        expect(await bench.store().upload(upload.id)).toBeUndefined();
      }
    });
    it("never replaces another upload", async () => {
      const upload = await bench.uploadIn("open");
      const other = { ...upload, size: upload.size + 1 };
      expect((await refusal(bench.store().apply({ kind: "create", upload: other }))).code).toBe(
        "internal",
      );
      expect(await bench.store().upload(upload.id)).toEqual(upload);
    });
  });
}

function describeTexts(bench: MetadataBench): void {
  it("keeps every name, type and metadata that the protocol takes, to the last character", async () => {
    const text = fc.string({ unit: "binary", maxLength: 30 });
    const given = fc.record({ name: text, type: text, key: text, value: text });
    // What no backend keeps by itself: NUL, controls, what looks like an escape, characters of every plane.
    const hard =
      "\u0000\u0001\u001b\u007f\u0085\u2028\ufeff\uffff\\u0000 \\x00 '\" \u{1f30a}\u{10ffff}";
    const examples = [
      { name: "\u2028\ufeff\uffff \u{10ffff}", type: "a/b", key: hard, value: hard },
    ];
    await fc.assert(
      fc.asyncProperty(given, async ({ name, type, key, value }) => {
        const taken = accepted({ name, type, key, value });
        const upload = sampleUpload(1, taken);
        const { file, outbox } = samplePublish(sampleFile(upload));
        const { id } = upload;
        await bench.applyAll({ kind: "create", upload }, sampleCommit(upload, 0));
        await bench.applyAll({ kind: "seal", id, epoch: 0 }, { kind: "publish", file, outbox });
        expect(await bench.store().upload(id)).toMatchObject(taken);
        expect(await bench.store().file(file.id)).toEqual(file);
      }),
      { numRuns: 50, examples: examples.map((one) => [one] as const) },
    );
  });
}

interface Texts {
  readonly name: string;
  readonly type: string;
  readonly key: string;
  readonly value: string;
}

/** What is left of texts where the codec has refused some. */
function accepted({ name, type, key, value }: Texts): Partial<UploadRecord> {
  const metadata = () => checkMetadata(Object.fromEntries([[key, value]]));
  return {
    name: unlessRefused(() => checkName(name), "name"),
    type: unlessRefused(() => checkType(type), "a/b"),
    metadata: unlessRefused(metadata, new Map()),
  };
}

function unlessRefused<T>(check: () => T, otherwise: T): T {
  try {
    return check();
  } catch (cause) {
    if (!isHoldfastError(cause)) throw cause;
    return otherwise;
  }
}

function describeCommit(bench: MetadataBench): void {
  describe("commit", () => {
    it("records parts with their digests", async () => {
      const upload = sampleUpload(300);
      await bench.applyAll({ kind: "create", upload }, sampleCommit(upload, 0, 2, 255, 256, 299));
      const { bits, digests } = await bench.store().parts(upload.id);
      const committed = [...Array(300).keys()].filter((i) => (bits[i >> 3] ?? 0) & (1 << (i & 7)));
      expect(committed).toEqual([0, 2, 255, 256, 299]);
      for (const index of committed) {
        expect(digests.slice(index * 32, index * 32 + 32)).toEqual(sampleDigest(index));
      }
      expect(digests.slice(32, 64)).toEqual(new Uint8Array(32));
    });
    it("leaves a part as it is that has the same digest already", async () => {
      const upload = sampleUpload(3);
      await bench.applyAll({ kind: "create", upload }, sampleCommit(upload, 1));
      await bench.store().apply(sampleCommit(upload, 0, 1));
      expect((await bench.store().parts(upload.id)).bits).toEqual(Uint8Array.of(0b11));
    });
    it("is all or nothing where one part has another digest", async () => {
      const upload = sampleUpload(600);
      await bench.applyAll({ kind: "create", upload }, sampleCommit(upload, 300));
      const before = await bench.store().parts(upload.id);
      const parts = [samplePart(0), samplePart(599), samplePart(300, 1), samplePart(1)];
      const { id } = upload;
      const expiresAt = upload.expiresAt + 1;
      const refused = await refusal(bench.store().apply({ kind: "commit", id, parts, expiresAt }));
      const committed = encodeBase64(sampleDigest(300));
      expect(refused).toMatchObject({ code: "part_conflict", details: { index: 300, committed } });
      expect(await bench.store().parts(id)).toEqual(before);
      expect(await bench.store().upload(id)).toEqual(upload);
    });
    it("refuses a part that comes twice with two digests", async () => {
      const upload = sampleUpload(3);
      const { id, expiresAt } = upload;
      await bench.store().apply({ kind: "create", upload });
      const parts = [samplePart(1), samplePart(1, 1)];
      const refused = await refusal(bench.store().apply({ kind: "commit", id, parts, expiresAt }));
      expect(refused).toMatchObject({ code: "part_conflict", details: { index: 1 } });
      expect((await bench.store().parts(id)).bits).toEqual(Uint8Array.of(0));
    });
    it.each([3, -1, 1.5, Number.NaN])("refuses part %s of 3, and all with it", async (index) => {
      const upload = sampleUpload(3);
      await bench.store().apply({ kind: "create", upload });
      const refused = await refusal(bench.store().apply(sampleCommit(upload, 0, index)));
      expect(refused).toMatchObject({ code: "part_out_of_range", details: { partCount: 3 } });
      expect((await bench.store().parts(upload.id)).bits).toEqual(Uint8Array.of(0));
    });
    it("refuses a digest that is none", async () => {
      const upload = sampleUpload(3);
      const { id, expiresAt } = upload;
      await bench.store().apply({ kind: "create", upload });
      const parts = [{ index: 0, digest: new Uint8Array(31) }];
      const refused = await refusal(bench.store().apply({ kind: "commit", id, parts, expiresAt }));
      expect(refused.code).toBe("internal");
    });
    it("moves the expiry forward, never back", async () => {
      const upload = sampleUpload(3);
      await bench.store().apply({ kind: "create", upload });
      const later = { ...upload, expiresAt: upload.expiresAt + 1000 };
      await bench.store().apply(sampleCommit(later, 0));
      await bench.store().apply(sampleCommit(upload, 1));
      expect((await bench.store().upload(upload.id))?.expiresAt).toBe(later.expiresAt);
    });
    it("copies what it is given before it returns", async () => {
      const upload = sampleUpload(3);
      const { id, expiresAt } = upload;
      await bench.store().apply({ kind: "create", upload });
      const memory = new Uint8Array(4096);
      const digest = memory.subarray(64, 96);
      digest.set(sampleDigest(0));
      const applied = bench.store().apply({
        kind: "commit",
        id,
        parts: [{ index: 0, digest }],
        expiresAt,
      });
      memory.fill(0xff);
      await applied;
      expect((await bench.store().parts(id)).digests.slice(0, 32)).toEqual(sampleDigest(0));
    });
    itNeedsState(bench, "commit", ["open"], (upload) => sampleCommit(upload, 0));
  });
}

function describeWithdraw(bench: MetadataBench): void {
  describe("withdraw", () => {
    it("takes parts back, opens the upload and raises the epoch", async () => {
      const upload = sampleUpload(300);
      const { id } = upload;
      await bench.applyAll({ kind: "create", upload }, sampleCommit(upload, 0, 1, 299));
      await bench.store().apply({ kind: "seal", id, epoch: 0 });
      await bench.store().apply({ kind: "withdraw", id, indexes: [1, 299, 2], at: 7 });
      expect(await bench.store().upload(id)).toEqual({ ...upload, epoch: 1 });
      const { bits, digests } = await bench.store().parts(id);
      expect([bits[0], bits[37]]).toEqual([1, 0]);
      expect(digests.slice(32)).toEqual(new Uint8Array(299 * 32));
    });
    it("lets the part be committed anew, with any digest", async () => {
      const upload = await bench.uploadIn("open");
      const { id, expiresAt } = upload;
      await bench.store().apply({ kind: "withdraw", id, indexes: [0], at: 7 });
      await bench.store().apply({ kind: "commit", id, parts: [samplePart(0, 1)], expiresAt });
      expect((await bench.store().parts(id)).digests).toEqual(sampleDigest(0, 1));
    });
    it("refuses a part outside the grid", async () => {
      const { id } = await bench.uploadIn("open");
      const { code } = await refusal(
        bench.store().apply({ kind: "withdraw", id, indexes: [0, 1], at: 7 }),
      );
      expect(code).toBe("part_out_of_range");
      expect((await bench.store().parts(id)).bits).toEqual(Uint8Array.of(1));
    });
    itNeedsState(bench, "withdraw", ["open", "completing"], ({ id }) => ({
      kind: "withdraw",
      id,
      indexes: [0],
      at: 7,
    }));
  });
}

function describeSeal(bench: MetadataBench): void {
  describe("revoke", () => {
    it("raises the epoch once, however often it is asked from the same one", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      await bench.store().apply({ kind: "revoke", id, epoch: 0 });
      await bench.store().apply({ kind: "revoke", id, epoch: 0 });
      expect(await bench.store().upload(id)).toEqual({ ...upload, epoch: 1 });
      await bench.store().apply({ kind: "revoke", id, epoch: 1 });
      expect(await bench.store().upload(id)).toEqual({ ...upload, epoch: 2 });
    });
    it("refuses an epoch that has not been", async () => {
      const { id } = await bench.uploadIn("open");
      const refused = await refusal(bench.store().apply({ kind: "revoke", id, epoch: 1 }));
      expect(refused).toEqual({ code: "upload_not_open", details: { state: "open", epoch: 0 } });
    });
    itNeedsState(bench, "revoke", ["open"], ({ id }) => ({ kind: "revoke", id, epoch: 0 }));
  });

  describe("seal and reopen", () => {
    it("seals an open upload, and once more without harm", async () => {
      const upload = await bench.uploadIn("open");
      await bench.store().apply({ kind: "seal", id: upload.id, epoch: 0 });
      await bench.store().apply({ kind: "seal", id: upload.id, epoch: 0 });
      expect(await bench.store().upload(upload.id)).toEqual({ ...upload, state: "completing" });
    });
    it("refuses to seal on a decision from before a withdrawal", async () => {
      const { id } = await bench.uploadIn("open");
      await bench.store().apply({ kind: "withdraw", id, indexes: [0], at: 7 });
      const refused = await refusal(bench.store().apply({ kind: "seal", id, epoch: 0 }));
      expect(refused).toEqual({ code: "upload_not_open", details: { state: "open", epoch: 1 } });
      await bench.store().apply({ kind: "seal", id, epoch: 1 });
    });
    it("remembers what SHA-256 a complete asked for while it is under way, and no longer", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      const [first, second] = [sampleDigest(1), sampleDigest(2)];
      const known = async () => (await bench.store().upload(id))?.sealedSha256;
      await bench.store().apply({ kind: "seal", id, epoch: 0, sha256: first });
      await bench.store().apply({ kind: "seal", id, epoch: 0, sha256: second });
      await bench.reopen();
      expect(await known()).toEqual(first);
      await bench.store().apply({ kind: "reopen", id, error: { code: "internal", detail: "" } });
      expect(await known()).toBeUndefined();
      await bench.store().apply({ kind: "seal", id, epoch: 0, sha256: second });
      await bench.store().apply({ kind: "withdraw", id, indexes: [0], at: 5 });
      expect(await known()).toBeUndefined();
      await bench.store().apply({ kind: "seal", id, epoch: 1, sha256: second });
      await bench.store().apply(samplePublish(sampleFile(upload)));
      expect(await known()).toBeUndefined();
    });
    it("reopens with the error, which a published upload forgets", async () => {
      const upload = await bench.uploadIn("completing");
      const { id } = upload;
      const error = { code: "storage_full", detail: "there is no room" };
      await bench.store().apply({ kind: "reopen", id, error });
      await bench.store().apply({ kind: "reopen", id, error });
      expect(await bench.store().upload(id)).toEqual({ ...upload, error });
      await bench.store().apply({ kind: "seal", id, epoch: 0 });
      const file = sampleFile(upload);
      await bench.store().apply(samplePublish(file));
      expect(await bench.store().upload(id)).toEqual({
        ...upload,
        state: "complete",
        fileId: file.id,
        endedAt: file.createdAt,
      });
    });
    itNeedsState(bench, "seal", ["open", "completing"], ({ id }) => ({
      kind: "seal",
      id,
      epoch: 0,
    }));
    itNeedsState(bench, "reopen", ["open", "completing"], ({ id }) => ({
      kind: "reopen",
      id,
      error: { code: "internal", detail: "" },
    }));
  });
}

function describePublish(bench: MetadataBench): void {
  describe("publish", () => {
    it("makes file, upload and outbox entry visible together", async () => {
      const upload = await bench.uploadIn("completing");
      const file = sampleFile(upload);
      const publish = samplePublish(file);
      expect(await bench.store().file(file.id)).toBeUndefined();
      await bench.store().apply(publish);
      expect(await bench.store().file(file.id)).toEqual({
        ...file,
        root: new Uint8Array(file.root),
        manifestDigest: new Uint8Array(file.manifestDigest),
      });
      expect(await bench.store().upload(upload.id)).toMatchObject({
        state: "complete",
        fileId: file.id,
        endedAt: file.createdAt,
        hasBytes: true,
      });
      expect(await bench.outbox()).toEqual([publish.outbox]);
    });
    it("happens once, however often it is asked for", async () => {
      const upload = await bench.uploadIn("completing");
      const publish = samplePublish(sampleFile(upload));
      await Promise.all([bench.store().apply(publish), bench.store().apply(publish)]);
      await bench.store().apply({ ...publish, outbox: { ...publish.outbox, id: "another" } });
      expect(await bench.outbox()).toEqual([publish.outbox]);
      expect(await bench.store().counts()).toMatchObject({ open: 0, files: 1 });
    });
    it("refuses a second file for the same upload", async () => {
      const upload = await bench.uploadIn("complete");
      const other = sampleFile(upload);
      const refused = await refusal(bench.store().apply(samplePublish(other)));
      expect(refused).toMatchObject({ code: "upload_not_open", details: { state: "complete" } });
      expect(await bench.store().file(other.id)).toBeUndefined();
      expect(await bench.outbox()).toHaveLength(1);
    });
    it("leaves nothing behind where it is refused half-way", async () => {
      const first = await bench.uploadIn("completing");
      const second = await bench.uploadIn("completing");
      const file = sampleFile(first);
      await bench.store().apply(samplePublish(file));
      const thief = samplePublish({ ...sampleFile(second), id: file.id });
      expect((await refusal(bench.store().apply(thief))).code).toBe("internal");
      expect(await bench.store().upload(second.id)).toEqual({ ...second, state: "completing" });
      expect((await bench.store().file(file.id))?.uploadId).toBe(first.id);
      expect(await bench.outbox()).toHaveLength(1);
      await bench.store().apply(samplePublish(sampleFile(second)));
    });
    itNeedsState(bench, "publish", ["completing"], (upload) => samplePublish(sampleFile(upload)));
  });
}

function describeEnd(bench: MetadataBench): void {
  describe("end and cleared", () => {
    it.each(["aborted", "expired", "failed"] as const)("ends as %s, once", async (state) => {
      for (const from of ["open", "completing"] as const) {
        const upload = await bench.uploadIn(from);
        const { id } = upload;
        const error = { code: "internal", detail: "because" };
        await bench.store().apply({ kind: "end", id, state, at: 7, error });
        await bench.store().apply({ kind: "end", id, state, at: 8 });
        expect(await bench.store().upload(id)).toEqual({ ...upload, state, error, endedAt: 7 });
      }
    });
    it("keeps the error of an earlier complete where it brings none", async () => {
      const { id } = await bench.uploadIn("open");
      const error = { code: "storage_full", detail: "there is no room" };
      await bench.store().apply({ kind: "reopen", id, error });
      await bench.store().apply({ kind: "end", id, state: "aborted", at: 7 });
      expect((await bench.store().upload(id))?.error).toEqual(error);
    });
    it("never turns one end into another", async () => {
      const { id } = await bench.uploadIn("aborted");
      const refused = await refusal(
        bench.store().apply({ kind: "end", id, state: "expired", at: 7 }),
      );
      expect(refused).toMatchObject({ code: "upload_not_open", details: { state: "aborted" } });
    });
    it("lists what has still bytes, until they are gone", async () => {
      const ended = [
        await bench.uploadIn("aborted"),
        await bench.uploadIn("expired"),
        await bench.uploadIn("failed"),
      ].map((upload) => upload.id);
      const completing = await bench.uploadIn("completing");
      await bench.uploadIn("open");
      await bench.uploadIn("complete");
      expect(await dueIds(bench, "uncleared")).toEqual(ended.sort());
      expect(await dueIds(bench, "completing")).toEqual([completing.id]);
      for (const id of ended)
        await bench.applyAll({ kind: "cleared", id }, { kind: "cleared", id });
      expect(await dueIds(bench, "uncleared")).toEqual([]);
      for (const id of ended) expect((await bench.store().upload(id))?.hasBytes).toBe(false);
    });
    itNeedsState(bench, "end", ["open", "completing", "expired"], ({ id }) => ({
      kind: "end",
      id,
      state: "expired",
      at: 7,
    }));
    itNeedsState(bench, "cleared", ["aborted", "expired", "failed"], ({ id }) => ({
      kind: "cleared",
      id,
    }));
  });
}

async function dueIds(bench: MetadataBench, kind: DueKind): Promise<readonly string[]> {
  return (await bench.store().due(kind, { limit: 100 })).map(({ id }) => id);
}
