// The one stage that touches bytes: from the body into slots, through the digest, to the storage.
import { equalBytes, HoldfastError, partOffset, partSizeAt, runSize } from "@holdfast/protocol";
import type { RunClaim } from "./claims.ts";
import type { Committer } from "./commit.ts";
import type { Context } from "./context.ts";
import type { PutRun } from "./engine.ts";
import { createIntake } from "./intake.ts";
import type { RunningDigest } from "./ports.ts";
import type { Tail } from "./records.ts";
import { SLOT_SIZE } from "./slots.ts";
import { blocksOf, prepend, tailAt } from "./tail.ts";
import type { Upload } from "./upload.ts";
import type { Writer } from "./writer.ts";

export interface ReceiveRun extends Omit<PutRun, "digests"> {
  /** One for each part of the run. */
  readonly digests: readonly Uint8Array[];
  readonly claim: RunClaim;
  readonly writer: Writer;
  readonly committer: Committer;
}

/**
 * Receives the bytes of a run, part by part. Each part is verified as its last byte arrives and only then handed to the committer; parts that are
 * committed already are read and dropped. Of a part that appends have begun only what is behind its tail is written.
 *
 * @throws HoldfastError `digest_mismatch`, or `part_conflict` where the bytes differ from a tail, with `details.index`; `body_size_mismatch`; why the body was stopped; what a write threw.
 */
export async function receiveRun(
  context: Context,
  upload: Upload,
  { run: [start, end], digests, crc32c, body, claim, writer, committer }: ReceiveRun,
): Promise<void> {
  const { record } = upload;
  const intake = createIntake(context, body, writer);
  let crc = 0;
  for (let index = start; index < end; index++) {
    const expected = claim.parts.has(index) ? digests[index - start] : undefined;
    const size = partSizeAt(record, index);
    const digest = expected && context.digests.create(record.algorithm);
    const tail = digest && tailAt(upload, index);
    let fragment: Uint8Array = NOTHING;
    for (let at = 0; at < size; ) {
      const isKnown = tail !== undefined && at < tail.size;
      const wanted = Math.min(SLOT_SIZE - fragment.length, (isKnown ? tail.size : size) - at);
      const filled = await intake.next(wanted);
      if (!filled) throw endedEarly(body.stopped(), runSize(record, start, end));
      const { slot, size: taken } = filled;
      const bytes = slot.memory.subarray(0, taken);
      digest?.update(bytes);
      if (crc32c !== undefined) crc = context.digests.crc32c(bytes, crc);
      at += taken;
      if (!digest || isKnown) {
        writer.give(slot);
        if (isKnown && at === tail.size) fragment = requireTail(tail, digest);
        // A size that came late may have made the tail the whole part: nothing comes behind its fragment.
        if (at === size) await writeFragment(writer, partOffset(record, index) + at, fragment);
        continue;
      }
      const total = prepend(fragment, slot, taken);
      // Whole blocks only, but for the end; what is left of a body that was cut belongs to a part that will not be whole.
      const ready = at === size ? total : blocksOf(total);
      fragment = ready === total ? NOTHING : slot.memory.slice(ready, total);
      if (ready > 0) writer.write(partOffset(record, index) + at - total, slot, ready);
      else writer.give(slot);
    }
    const isLast = index === end - 1;
    if (isLast && !body.isExact && (await body.ready())) throw tooLong(runSize(record, start, end));
    if (isLast && crc32c !== undefined && crc !== crc32c) throw otherCrc(index);
    if (!digest || !expected) continue;
    if (!equalBytes(digest.digest(), expected)) {
      throw new HoldfastError("digest_mismatch", undefined, { index });
    }
    committer.add({ index, digest: expected, size, tail, written: writer.written() });
  }
}

const NOTHING = new Uint8Array();

/** What only the record has of a part goes to the storage as the part ends with it. */
async function writeFragment(writer: Writer, end: number, fragment: Uint8Array): Promise<void> {
  if (fragment.length === 0) return;
  const slot = await writer.take();
  slot.memory.set(fragment);
  writer.write(end - fragment.length, slot, fragment.length);
}

/** The leading bytes of a part are those of its tail: the storage has them but for the fragment, which goes before what is written next. */
function requireTail(tail: Tail, came: RunningDigest | undefined): Uint8Array {
  const fault = tailFault(tail, came);
  if (fault) throw fault;
  return tail.fragment;
}

/** What is wrong with the leading bytes of a part that has a tail. */
export function tailFault(
  { index, size, digest }: Tail,
  came: RunningDigest | undefined,
): HoldfastError | undefined {
  if (came && equalBytes(came.snapshot(), digest)) return undefined;
  const message = `the first ${size} bytes of part ${index} differ from those that were appended`;
  return new HoldfastError("part_conflict", message, { index });
}

/** What came is not what was sent, whatever the digests say: the last part is not kept, the others had theirs. */
export function otherCrc(index: number): HoldfastError {
  const message = "the body does not have the CRC32C that was sent";
  return new HoldfastError("digest_mismatch", message, { index });
}

export function endedEarly(why: HoldfastError | undefined, expected: number): HoldfastError {
  const text = `the body ended before its ${expected} bytes`;
  return why ?? new HoldfastError("body_size_mismatch", text, { expected });
}

export function tooLong(expected: number): HoldfastError {
  const text = `the body has more than its ${expected} bytes`;
  return new HoldfastError("body_size_mismatch", text, { expected });
}
