// The one stage that touches bytes: from the body into slots, through the digest, to the storage.
import { equalBytes, HoldfastError, partOffset, partSizeAt, runSize } from "@holdfast/protocol";
import type { Claim } from "./claims.ts";
import type { Committer } from "./commit.ts";
import type { Context } from "./context.ts";
import type { PutRun } from "./engine.ts";
import { BLOCK_SIZE, createIntake } from "./intake.ts";
import { SLOT_SIZE } from "./slots.ts";
import type { Upload } from "./upload.ts";
import type { Writer } from "./writer.ts";

export interface ReceiveRun extends PutRun {
  readonly claim: Claim;
  readonly writer: Writer;
  readonly committer: Committer;
}

/**
 * Receives the bytes of a run, part by part. Each part is verified as its last byte arrives and only then handed to the committer; parts that are
 * committed already are read and dropped.
 *
 * @throws HoldfastError `digest_mismatch` with `details.index`; `body_size_mismatch`; why the body was stopped; what a write threw.
 */
export async function receiveRun(
  context: Context,
  upload: Upload,
  { run: [start, end], digests, body, claim, writer, committer }: ReceiveRun,
): Promise<void> {
  const { record } = upload;
  const intake = createIntake(context, body, writer);
  for (let index = start; index < end; index++) {
    const expected = claim.parts.has(index) ? digests[index - start] : undefined;
    const size = partSizeAt(record, index);
    const digest = expected && context.digests.create();
    for (let at = 0; at < size; ) {
      const wanted = Math.min(SLOT_SIZE, size - at);
      const filled = await intake.next(wanted);
      if (!filled) throw endedEarly(body.stopped(), runSize(record, start, end));
      const { slot, size: taken } = filled;
      const bytes = slot.memory.subarray(0, taken);
      digest?.update(bytes);
      // Anything else is the fragment before the end of a body that was cut: its part will not be whole.
      const isWritable = taken === wanted || (taken > 0 && taken % BLOCK_SIZE === 0);
      if (digest && isWritable) writer.write(partOffset(record, index) + at, slot, taken);
      else writer.give(slot);
      at += taken;
    }
    const isLast = index === end - 1;
    if (isLast && !body.isExact && (await body.ready())) throw tooLong(runSize(record, start, end));
    if (!digest || !expected) continue;
    if (!equalBytes(digest.digest(), expected)) {
      throw new HoldfastError("digest_mismatch", undefined, { index });
    }
    committer.add({ index, digest: expected, size, written: writer.written() });
  }
}

function endedEarly(why: HoldfastError | undefined, expected: number): HoldfastError {
  const text = `the body ended before its ${expected} bytes`;
  return why ?? new HoldfastError("body_size_mismatch", text, { expected });
}

function tooLong(expected: number): HoldfastError {
  const text = `the body has more than its ${expected} bytes`;
  return new HoldfastError("body_size_mismatch", text, { expected });
}
