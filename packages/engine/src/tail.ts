// The tail: durable bytes of a part that appends have not filled yet. Its whole blocks are in the storage, its last fragment in the upload's record.
import { equalBytes, HoldfastError, hasPart, partOffset, partSizeAt } from "@holdfast/protocol";
import { digestOf } from "./claims.ts";
import type { Context } from "./context.ts";
import { BLOCK_SIZE } from "./intake.ts";
import { regionsOf } from "./kinds.ts";
import type { RunningDigest } from "./ports.ts";
import type { Tail } from "./records.ts";
import type { Slot } from "./slots.ts";
import { readTailObject } from "./tail-objects.ts";
import type { Upload } from "./upload.ts";

/** A part on its way through an append. */
export interface FillingPart {
  readonly index: number;
  /** Bytes of it that the part will have, and has so far. */
  readonly whole: number;
  size: number;
  /** Over those bytes. */
  readonly digest: RunningDigest;
  /** The last `size % 4096` of them: the storage takes whole blocks only, so that nothing committed is ever written again. */
  fragment: Uint8Array;
  /** Bytes at its beginning that are durable already: what comes for them is compared, and not written. */
  readonly known: KnownBytes;
}

/** Bytes from the beginning of a part, with their digest. */
export interface KnownBytes {
  readonly size: number;
  readonly digest: Uint8Array | undefined;
  readonly fragment: Uint8Array;
}

const NOTHING = new Uint8Array();
export const UNKNOWN: KnownBytes = { size: 0, digest: undefined, fragment: NOTHING };

/** A part from its first byte on. Whatever of it is committed, or is the tail, is known. */
export function beginPart(context: Context, upload: Upload, index: number): FillingPart {
  const digest = context.digests.create(upload.record.algorithm);
  const whole = Math.max(0, partSizeAt(upload.record, index));
  return { index, whole, size: 0, digest, fragment: NOTHING, known: knownOf(upload, index) };
}

function knownOf(upload: Upload, index: number): KnownBytes {
  if (hasPart(upload.committed, index)) {
    const size = partSizeAt(upload.record, index);
    return { size, digest: digestOf(upload, index), fragment: NOTHING };
  }
  return tailAt(upload, index) ?? UNKNOWN;
}

/** The tail, if it is that of this part. */
export function tailAt({ record: { tail } }: Upload, index: number): Tail | undefined {
  return tail?.index === index ? tail : undefined;
}

/** The running digest over what is stored of a tail; `origin` as in `RegionStorage.read`. */
export async function readTail(
  context: Context,
  upload: Upload,
  tail: Tail,
  origin?: "medium",
): Promise<RunningDigest> {
  const { record } = upload;
  const digest = context.digests.create(record.algorithm);
  for (const stored of tail.objects ?? []) {
    for await (const piece of readTailObject(context, upload, stored)) digest.update(piece);
  }
  if (tail.objects) return digest;
  const object = { id: record.id, kind: "bytes" } as const;
  const stored = tail.size - tail.fragment.length;
  const slot = await context.readSlots.take();
  try {
    for (let at = 0; at < stored; ) {
      const into = slot.memory.subarray(0, Math.min(slot.memory.length, stored - at));
      const from = partOffset(record, tail.index) + at;
      const size = await regionsOf(context).read(object, from, into, origin);
      if (size === 0) break;
      digest.update(into.subarray(0, size));
      at += size;
    }
  } finally {
    context.readSlots.give(slot);
  }
  digest.update(tail.fragment);
  return digest;
}

/** What the record keeps of a part that is not whole. */
export function tailOf({ index, size, digest, fragment }: FillingPart): Tail {
  return { index, size, digest: digest.snapshot(), fragment };
}

/**
 * Takes note that the known bytes of a part have come again.
 * @throws HoldfastError `part_conflict` where they are others.
 */
export function requireKnown({ record }: Upload, part: FillingPart): void {
  const { known, index } = part;
  if (!known.digest || !equalBytes(part.digest.snapshot(), known.digest)) {
    const message = `the bytes of part ${index} differ from those that are committed`;
    throw new HoldfastError("part_conflict", message, { index, at: partOffset(record, index) });
  }
  part.fragment = known.fragment;
}

/** Puts the fragment before the bytes of a slot; gives the number of bytes then. */
export function prepend(fragment: Uint8Array, slot: Slot, size: number): number {
  if (fragment.length === 0) return size;
  slot.memory.copyWithin(fragment.length, 0, size);
  slot.memory.set(fragment);
  return fragment.length + size;
}

/** Bytes that the storage has of a part whose first `size` bytes came. */
export function blocksOf(size: number): number {
  return size - (size % BLOCK_SIZE);
}
