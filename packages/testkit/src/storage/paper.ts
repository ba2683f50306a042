// A storage that takes every byte's word for it and keeps manifests only: for uploads that are larger than any machine.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MetadataStore, RegionStorage } from "@holdfast/engine";
import { partCount, type UploadView } from "@holdfast/protocol";
import { createMemoryStorage } from "./memory.ts";

export interface PaperStorage extends RegionStorage {
  /** Sizes of the pieces of manifests, as they came, in bytes. */
  readonly pieces: readonly number[];
}

export function createPaperStorage(): PaperStorage {
  const real = createMemoryStorage();
  const pieces: number[] = [];
  return {
    ...real,
    pieces,
    seal: async () => undefined,
    read: async (object, offset, into, origin) =>
      object.kind === "bytes" ? into.length : real.read(object, offset, into, origin),
    async put(object, given) {
      const kept: Uint8Array[] = [];
      for (const piece of given) {
        kept.push(piece.slice());
        pieces.push(piece.length);
        // A disk takes its time for each.
        await nextTurn();
      }
      await real.put(object, kept);
    },
  };
}

/** A digest that no other part has. */
export function paperDigest(index: number): Uint8Array {
  const digest = new Uint8Array(32);
  new DataView(digest.buffer).setUint32(0, index + 1);
  return digest;
}

/** Records parts as committed, as if their bytes had come: those whose index is a multiple of `step`. */
export async function commitOnPaper(
  metadata: MetadataStore,
  view: UploadView,
  step = 1,
): Promise<void> {
  const { id, expiresAt } = view;
  const count = Math.ceil(partCount(view) / step);
  const parts = Array.from({ length: count }, (_, at) => ({
    index: at * step,
    digest: paperDigest(at * step),
  }));
  await metadata.apply({ kind: "commit", id, parts, expiresAt });
}
