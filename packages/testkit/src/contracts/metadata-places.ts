// The contract of places: where parts go, what stays of them in another place, and tails that lie in objects.
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import {
  sampleDigest,
  sampleFile,
  samplePart,
  samplePlace,
  samplePublish,
  sampleTail,
  sampleTailObjects,
  sampleUpload,
} from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";
import { beginPlaced, bindOf, commitOf, HERE, moveOf, partsOf, THERE } from "./metadata-placed.ts";
import { itNeedsState } from "./metadata-states.ts";

export function describeMetadataPlaces(bench: MetadataBench): void {
  describePlace(bench);
  describeMove(bench);
  describeTailObjects(bench);
}

function describePlace(bench: MetadataBench): void {
  describe("place", () => {
    it("says where parts go, once, over a new start", async () => {
      const upload = await beginPlaced(bench);
      const { id } = upload;
      await bench.store().apply({ kind: "place", id, place: HERE });
      await bench.reopen();
      expect(await bench.store().upload(id)).toEqual(upload);
    });
    it("may be settled with the record, and is then the only one", async () => {
      const upload = { ...sampleUpload(3), place: HERE };
      const { id } = upload;
      await bench.store().apply({ kind: "create", upload });
      await bench.store().apply({ kind: "place", id, place: HERE });
      const refused = await refusal(bench.store().apply({ kind: "place", id, place: THERE }));
      expect(refused.code).toBe("upload_not_open");
      await bench.reopen();
      expect(await bench.store().upload(id)).toEqual(upload);
    });
    it("is refused where another place stands", async () => {
      const upload = await beginPlaced(bench);
      const { id } = upload;
      const refused = await refusal(bench.store().apply({ kind: "place", id, place: THERE }));
      expect(refused).toEqual({ code: "upload_not_open", details: { state: "open", epoch: 0 } });
      expect(await bench.store().upload(id)).toEqual(upload);
    });
    it("lets one of two win that come at once", async () => {
      const upload = sampleUpload(3);
      const { id } = upload;
      await bench.store().apply({ kind: "create", upload });
      const outcomes = await Promise.allSettled(
        [HERE, THERE].map((place) => bench.store().apply({ kind: "place", id, place })),
      );
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
      expect((await bench.store().upload(id))?.place).toBe(HERE);
    });
    it("is refused where parts were committed that lie in none", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      const refused = await refusal(bench.store().apply({ kind: "place", id, place: HERE }));
      expect(refused.code).toBe("internal");
      expect(await bench.store().upload(id)).toEqual(upload);
    });
    it("is refused where there is a tail that lies in none, and taken where objects hold it", async () => {
      for (const tail of [sampleTail(0, 5000), sampleTailObjects(0, 5000)]) {
        const upload = sampleUpload(3);
        const { id, expiresAt } = upload;
        await bench.applyAll(
          { kind: "create", upload },
          { kind: "append", id, at: 0, parts: [], tail, expiresAt },
        );
        const placed = bench.store().apply({ kind: "place", id, place: HERE });
        if (tail.objects) await placed;
        else expect((await refusal(placed)).code).toBe("internal");
        expect((await bench.store().upload(id))?.place).toBe(tail.objects && HERE);
      }
    });
    it("goes to the file, and to no file that names another", async () => {
      const upload = await beginPlaced(bench, 1);
      const { id } = upload;
      await bench.applyAll(commitOf(upload, 0), { kind: "seal", id, epoch: 0 });
      const file = sampleFile(upload);
      const { place: _, ...nowhere } = file;
      for (const other of [nowhere, { ...file, place: THERE }]) {
        expect((await refusal(bench.store().apply(samplePublish(other)))).code).toBe("internal");
      }
      await bench.store().apply(samplePublish(file));
      await bench.reopen();
      expect((await bench.store().file(file.id))?.place).toBe(HERE);
      expect((await bench.store().upload(id))?.place).toBe(HERE);
    });
    itNeedsState(bench, "place", ["open"], ({ id }) => ({ kind: "place", id, place: HERE }));
  });
}

function describeMove(bench: MetadataBench): void {
  describe("move", () => {
    it("keeps what is in the new place already, and nothing else", async () => {
      const upload = await beginPlaced(bench, 600);
      const { id } = upload;
      await bench.applyAll(
        commitOf(upload, 0, 1, 256, 599),
        bindOf(upload, 2, 300),
        { kind: "seal", id, epoch: 0, sha256: sampleDigest(9) },
        moveOf(upload, 1, 2, 599),
      );
      await bench.reopen();
      const kept = [1, 599];
      const expected = { committed: kept, bound: kept, digests: kept, zeros: 598 };
      expect(await partsOf(bench, upload)).toEqual(expected);
      expect(await bench.store().upload(id)).toEqual({ ...upload, place: THERE, epoch: 1 });
    });
    it("happens once, and parts of before are refused from then on", async () => {
      const upload = await beginPlaced(bench);
      await bench.applyAll(commitOf(upload, 0), moveOf(upload, 0), moveOf(upload));
      expect(await partsOf(bench, upload)).toMatchObject({ committed: [0] });
      for (const late of [commitOf(upload, 1), bindOf(upload, 1)]) {
        const { details } = await refusal(bench.store().apply(late));
        expect(details).toEqual({ state: "open", epoch: 1 });
      }
      const parts = [samplePart(1, 1)];
      await bench.store().apply({ ...bindOf(upload), place: THERE, parts });
    });
    it("fails an upload that loses a part below an offset that was told; the old place stands", async () => {
      const upload = await beginPlaced(bench);
      const { id } = upload;
      await bench.applyAll(commitOf(upload, 0, 1), { kind: "told", id }, moveOf(upload, 0));
      expect(await bench.store().upload(id)).toEqual({
        ...upload,
        hasToldOffset: true,
        state: "failed",
        epoch: 1,
        endedAt: 7,
        error: { code: "storage_failed", detail: expect.stringContaining("offset") },
      });
    });
    it("keeps a promise that an offset was where every committed part is kept", async () => {
      const upload = await beginPlaced(bench);
      const { id } = upload;
      await bench.applyAll(commitOf(upload, 0, 1), { kind: "told", id }, moveOf(upload, 0, 1));
      const moved = { ...upload, hasToldOffset: true, place: THERE, epoch: 1 };
      expect(await bench.store().upload(id)).toEqual(moved);
    });
    it("is refused from another place than the one that stands, and from none", async () => {
      const upload = await beginPlaced(bench);
      const { id } = await bench.uploadIn("open");
      const elsewhere = { ...moveOf(upload), place: samplePlace(3), instead: THERE };
      const refused = await refusal(bench.store().apply(elsewhere));
      expect(refused).toEqual({ code: "upload_not_open", details: { state: "open", epoch: 0 } });
      const nowhere = await refusal(bench.store().apply({ ...moveOf(upload), id }));
      expect(nowhere).toEqual({ code: "upload_not_open", details: { state: "open", epoch: 0 } });
    });
    it("gives back the room of what is not kept", async () => {
      const upload = await beginPlaced(bench, 3, { hasSize: false, size: 3 * MIB });
      await bench.applyAll(commitOf(upload, 0, 1, 2), moveOf(upload, 1));
      expect(await bench.store().counts()).toMatchObject({ bytes: MIB });
    });
    it("refuses a part outside the grid", async () => {
      const upload = await beginPlaced(bench);
      const { code } = await refusal(bench.store().apply(moveOf(upload, 3)));
      expect(code).toBe("part_out_of_range");
      expect(await bench.store().upload(upload.id)).toEqual(upload);
    });
    it("leaves a final what it is, which takes the parts of its partials in one place or another", async () => {
      const role = { kind: "final", partials: [sampleUpload().id] } as const;
      const upload = await beginPlaced(bench, 3, { state: "completing", role });
      const { id, expiresAt } = upload;
      const bytes = { kind: "append", id, at: 0, parts: [samplePart(0)], expiresAt } as const;
      await bench.applyAll(bindOf(upload, 0, 1), moveOf(upload), { ...bytes, place: THERE });
      await bench.reopen();
      const moved = { ...upload, place: THERE, epoch: 1, hasToldOffset: true };
      expect(await bench.store().upload(id)).toEqual(moved);
      expect(await partsOf(bench, upload)).toMatchObject({ committed: [0], bound: [0] });
    });
    itNeedsState(bench, "move", ["open", "completing"], (upload) => moveOf(upload));
  });
}

function describeTailObjects(bench: MetadataBench): void {
  describe("a tail in objects", () => {
    it("is kept with their names in order, over a new start", async () => {
      const upload = await beginPlaced(bench);
      const { id, expiresAt } = upload;
      const [first, second] = [sampleTailObjects(0, 4097), sampleTailObjects(1, 7)];
      const append = { kind: "append", id, place: HERE, expiresAt } as const;
      await bench.applyAll(
        { ...append, at: 0, parts: [], tail: first },
        { ...append, at: 4097, parts: [samplePart(0)], tail: second },
      );
      await bench.reopen();
      expect((await bench.store().upload(id))?.tail).toEqual(second);
      await bench.store().apply({ ...commitOf(upload, 1), compared: [second] });
      expect((await bench.store().upload(id))?.tail).toBeUndefined();
    });
    it("has happened only with the same objects", async () => {
      const upload = sampleUpload(3);
      const { id, expiresAt } = upload;
      const tail = sampleTailObjects(0, 4097);
      const append = { kind: "append", id, at: 0, parts: [], tail, expiresAt } as const;
      await bench.applyAll({ kind: "create", upload }, append, append);
      const objects = [{ name: "other", size: 4097 }];
      const other = { ...append, tail: { ...tail, objects } };
      const { code, details } = await refusal(bench.store().apply(other));
      expect({ code, details }).toEqual({ code: "offset_mismatch", details: { offset: 4097 } });
    });
    it.each([
      ["that hold less", { objects: [{ name: "a", size: 4096 }] }],
      [
        "of which one is empty",
        { objects: ["a", "b"].map((name, at) => ({ name, size: 4097 * at })) },
      ],
      ["beside a fragment", { fragment: new Uint8Array(1) }],
      ["that are none", { objects: [] }],
    ])("is refused with objects %s", async (_, given) => {
      const upload = sampleUpload(3);
      const { id, expiresAt } = upload;
      const tail = { ...sampleTailObjects(0, 4097), ...given };
      await bench.store().apply({ kind: "create", upload });
      const append = { kind: "append", id, at: 0, parts: [], tail, expiresAt } as const;
      expect((await refusal(bench.store().apply(append))).code).toBe("internal");
      expect(await bench.store().upload(id)).toEqual(upload);
    });
    it("is copied before the call returns", async () => {
      const upload = sampleUpload(3);
      const { id, expiresAt } = upload;
      const tail = sampleTailObjects(0, 4097);
      const objects = tail.objects?.map((object) => ({ ...object })) ?? [];
      const given = { ...tail, objects };
      await bench.store().apply({ kind: "create", upload });
      const append = { kind: "append", id, at: 0, parts: [], tail: given, expiresAt } as const;
      const applied = bench.store().apply(append);
      objects.pop();
      await applied;
      expect((await bench.store().upload(id))?.tail).toEqual(tail);
    });
  });
}
