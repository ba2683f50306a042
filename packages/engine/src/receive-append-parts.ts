// The stage of an append that touches bytes, where a storage takes whole parts: from the body into slots, through the digest of each part, to what gathers them.
import { partOffset } from "@holdfast/protocol";
import { recordAppend } from "./commit-append.ts";
import type { Context } from "./context.ts";
import { createGathering, type Gathering } from "./gather.ts";
import { createIntake } from "./intake.ts";
import {
  type AppendStage,
  endsWithTail,
  type StageOptions,
  WAIT_MS,
  wantedOf,
} from "./receive-append.ts";
import { fixSize } from "./size.ts";
import { createBodyStore } from "./store-body.ts";
import { createGroupStore } from "./store-groups.ts";
import { beginPart, type FillingPart, requireKnown } from "./tail.ts";
import type { Upload } from "./upload.ts";

/** Where whole parts go to a store. */
export interface PartStage extends AppendStage {
  readonly kind: "parts";
  readonly gathering: Gathering;
}

export function createPartStage(
  context: Context,
  upload: Upload,
  bodies: Pick<AppendStage, "body" | "sum" | "check">,
  { rule, limits, claim }: StageOptions,
): PartStage {
  const create = rule === "whole" ? createBodyStore : createGroupStore;
  const groups = create(context, upload, limits);
  const gathering = createGathering(context, {
    isTimed: rule === "grouped",
    store: groups.store,
    requireGoing: groups.requireCommitted,
  });
  const leave = context.slots.enter();

  /** A part is short only once the size is known: else it would be bound to a digest of too few bytes. */
  async function finish(part: FillingPart, size: number | undefined): Promise<void> {
    const isShort = part.size > 0 && part.size < part.whole;
    if (isShort && size !== undefined) {
      await groups.idle();
      groups.requireCommitted();
      await fixSize(context, upload, { size, limits, claim });
    }
    await groups.commit(gathering.takeOut(isShort ? part : undefined));
    groups.requireCommitted();
    if (!isShort && size !== undefined) {
      await recordAppend(context, upload, { parts: [], size }, limits);
    }
  }

  return {
    kind: "parts",
    ...bodies,
    gathering,
    part: undefined,
    endPart: async (part) => gathering.flush(part),
    commit: () => groups.commit(gathering.takeOut()),
    finish,
    async settle() {
      await groups.settle(gathering.takeOut());
      leave();
    },
    requireCommitted: groups.requireCommitted,
  };
}

/** As `receiveAppend`. */
export async function receiveAppendParts(
  context: Context,
  upload: Upload,
  { body, sum, check, gathering, endPart }: PartStage,
  first: FillingPart,
): Promise<FillingPart> {
  const { record } = upload;
  const { give } = context.slots;
  const intake = createIntake(context, body, { take: gathering.take, give }, WAIT_MS);
  let part = first;
  if (part.size > 0 && part.size === part.whole) await endPart(part);
  for (;;) {
    if (part.size === part.whole) {
      if (partOffset(record, part.index) + part.whole >= record.size) return part;
      part = beginPart(context, upload, part.index + 1);
    }
    const filled = await intake.next(wantedOf(part));
    if (!filled) return part;
    const bytes = filled.slot.memory.subarray(0, filled.size);
    sum?.update(bytes);
    check?.update(bytes);
    part.digest.update(bytes);
    const isKnown = part.size < part.known.size;
    part.size += filled.size;
    if (!isKnown) await gathering.keep(part, filled);
    else {
      give(filled.slot);
      if (part.size < part.known.size) continue;
      requireKnown(upload, part);
      if (endsWithTail(upload, part)) await endPart(part);
    }
  }
}
