// Parts that the store may have although nothing has said so: after a crash, or where an answer was lost. The server looks for them before anything goes out again.
import {
  DIGEST_SIZE,
  hasPart,
  PARTS_WANTED_MAX,
  type PartDigest,
  toHoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { digestAt } from "../digest-table.ts";
import type { Job, Target } from "../upload-job.ts";
import type { Call } from "../work.ts";
import { askConfirmation } from "./knowledge.ts";

/** Parts that an address was signed for, and that are not committed: whoever was killed may have brought them. `view` is one with digests. */
export function boundParts({ committed, digests = NONE }: UploadView): readonly PartDigest[] {
  const bound: PartDigest[] = [];
  for (let index = 0; index * DIGEST_SIZE < digests.length; index++) {
    const digest = digestAt(digests, index);
    if (!hasPart(committed, index) && digest.some((byte) => byte !== 0)) {
      bound.push({ index, digest });
    }
  }
  return bound;
}

const NONE = new Uint8Array(0);

/** Parts of this transfer whose answer never came. */
export function unansweredParts({ direct, target }: Job): readonly PartDigest[] {
  if (!direct || direct.target !== target) return [];
  const { digests } = target;
  return [...direct.unanswered].map((index) => ({
    index,
    digest: digestAt(digests.bytes, index),
  }));
}

/** Resolves when the server has committed those of the parts that are there; the others are to be sent. */
export async function reclaimParts(
  job: Job,
  target: Target,
  parts: readonly PartDigest[],
  call: Pick<Call, "attempt" | "signal">,
): Promise<void> {
  for (let at = 0; at < parts.length; at += PARTS_WANTED_MAX) {
    const group = parts.slice(at, at + PARTS_WANTED_MAX);
    await askConfirmation(job, target, group, call).catch((error: unknown) => {
      if (toHoldfastError(error).code !== "parts_missing") throw error;
    });
    for (const { index } of group) job.direct?.unanswered.delete(index);
  }
}
