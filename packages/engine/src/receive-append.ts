// The stage of an append that touches bytes: from the body into slots, through the digest of each part, to the storage.
import { partOffset } from "@holdfast/protocol";
import type { AppendClaim } from "./claims.ts";
import { type AppendCommitter, type CommitRule, createAppendCommitter } from "./commit-append.ts";
import type { Context } from "./context.ts";
import type { BodyCheck } from "./engine.ts";
import { createIntake } from "./intake.ts";
import type { Body, RunningDigest } from "./ports.ts";
import type { Limits } from "./records.ts";
import { SLOT_SIZE } from "./slots.ts";
import { beginPart, blocksOf, type FillingPart, prepend, requireKnown, tailAt } from "./tail.ts";
import type { Upload } from "./upload.ts";
import { createWriter, type Writer } from "./writer.ts";

/** Bytes of a slow sender are on their way to the disk after so long, in milliseconds: what it is told of its offset keeps up with what it sends. */
export const WAIT_MS = 2_000;

/** What one append works with, whichever kind of storage takes its bytes. */
export interface AppendStage {
  readonly body: Body;
  /** Over the whole body, where its sender has told its digest. */
  readonly sum: RunningDigest | undefined;
  readonly check: BodyCheck | undefined;
  /** The part in which it has come so far. */
  part: FillingPart | undefined;
  /** A part ends with the bytes that it has. */
  endPart(part: FillingPart): Promise<void>;
  /** Resolves when all that came is committed, or has failed to be. */
  commit(): Promise<void>;
  /** As `commit`, and the upload ends with this part; `size` is its size then, where that was not known. */
  finish(part: FillingPart, size: number | undefined): Promise<void>;
  /** Resolves when nothing issued is under way any more and what came is committed, as far as it may be. */
  settle(): Promise<void>;
  /** @throws what the first bytes that could not be committed met. */
  requireCommitted(): void;
}

/** Where bytes are written at offsets. */
export interface RegionStage extends AppendStage {
  readonly kind: "regions";
  readonly writer: Writer;
  readonly committer: AppendCommitter;
}

export interface StageOptions {
  readonly rule: CommitRule;
  /** Those of who appends. */
  readonly limits: Limits;
  readonly claim: AppendClaim;
}

export function createRegionStage(
  context: Context,
  upload: Upload,
  bodies: Pick<AppendStage, "body" | "sum" | "check">,
  options: StageOptions,
): RegionStage {
  const writer = createWriter(context, upload);
  const committer = createAppendCommitter(context, upload, writer, options);
  return {
    kind: "regions",
    ...bodies,
    ...{ writer, committer },
    part: undefined,
    endPart: (part) => endPart(upload, part, { writer, committer }),
    commit: () => committer.commit(),
    async finish(part, size) {
      if (part.size > 0 && part.size < part.whole) {
        await endPart(upload, part, { writer, committer });
      }
      await committer.commit(size);
    },
    async settle() {
      await writer.settle();
      await committer.settle();
    },
    requireCommitted: committer.requireCommitted,
  };
}

/**
 * Receives the bytes of an append and gives the part in which they end. A part is handed to the committer as its last byte arrives. What is committed
 * already is compared and not written. Nothing is read beyond the upload's size, or the most that it may become.
 *
 * @throws HoldfastError `part_conflict` with `details.index`; what a write threw. Whatever came before the fault may still be committed.
 */
export async function receiveAppend(
  context: Context,
  upload: Upload,
  stage: RegionStage,
  first: FillingPart,
): Promise<FillingPart> {
  const { body, sum, check, writer, committer } = stage;
  const { record } = upload;
  const intake = createIntake(context, body, writer, WAIT_MS);
  let part = first;
  if (part.size > 0 && part.size === part.whole) await stage.endPart(part);
  for (;;) {
    if (part.size === part.whole) {
      if (partOffset(record, part.index) + part.whole >= record.size) return part;
      part = beginPart(context, upload, part.index + 1);
    }
    const filled = await intake.next(wantedOf(part));
    if (!filled) return part;
    const { slot, size } = filled;
    sum?.update(slot.memory.subarray(0, size));
    check?.update(slot.memory.subarray(0, size));
    part.digest.update(slot.memory.subarray(0, size));
    const isKnown = part.size < part.known.size;
    part.size += size;
    if (isKnown) {
      writer.give(slot);
      if (part.size < part.known.size) continue;
      requireKnown(upload, part);
      if (endsWithTail(upload, part)) await stage.endPart(part);
      continue;
    }
    const total = prepend(part.fragment, slot, size);
    const from = partOffset(record, part.index) + part.size - total;
    const ready = part.size === part.whole ? total : blocksOf(total);
    part.fragment = slot.memory.slice(ready, total);
    if (ready > 0) writer.write(from, slot, ready);
    else writer.give(slot);
    committer.grow(part, size);
  }
}

/** The size has made a whole part of a tail, and nothing comes behind what was compared with it. */
export function endsWithTail(upload: Upload, { index, size, whole }: FillingPart): boolean {
  return size === whole && tailAt(upload, index) !== undefined;
}

/** A slot has room for the fragment that comes before; what is known ends where it ends. */
export function wantedOf({ size, whole, known, fragment }: FillingPart): number {
  const until = size < known.size ? known.size : whole;
  return Math.min(SLOT_SIZE - fragment.length, until - size);
}

/** The bytes that wait for the end of their block go out now: the part ends with them. */
async function endPart(
  { record }: Upload,
  part: FillingPart,
  { writer, committer }: Pick<RegionStage, "writer" | "committer">,
): Promise<void> {
  // The part keeps its fragment: where this write or its commit fails, the tail stands as it was, and the next one ends with these bytes again.
  const { fragment } = part;
  if (fragment.length > 0) {
    const slot = await writer.take();
    slot.memory.set(fragment);
    writer.write(partOffset(record, part.index) + blocksOf(part.size), slot, fragment.length);
  }
  committer.grow({ ...part, whole: part.size }, 0);
}
