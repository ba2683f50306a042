// The stage of a run that touches bytes, where a storage takes whole parts: from the body into slots, through the digest, on to the store.
import { equalBytes, HoldfastError, partSizeAt, runSize } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { createIntake, type Filled } from "./intake.ts";
import type { Outgoing } from "./outgoing.ts";
import { placeOf } from "./place.ts";
import type { RunningDigest } from "./ports.ts";
import { endedEarly, otherCrc, type ReceiveRun, tailFault, tooLong } from "./receive.ts";
import type { Place, Tail } from "./records.ts";
import { createSender, type Sender } from "./sender.ts";
import { SLOT_SIZE } from "./slots.ts";
import { tailAt } from "./tail.ts";
import type { Upload } from "./upload.ts";

/** As `receiveRun`: each part is verified as its last byte arrives, and goes to the committer, which waits for the store's answer. */
export async function receiveParts(
  context: Context,
  upload: Upload,
  run: ReceiveRun,
): Promise<void> {
  const place = await placeOf(context, upload);
  const sender = createSender(context, upload, place);
  try {
    await receive(context, upload, { ...run, place }, sender);
  } finally {
    await sender.settle();
  }
}

interface PlacedRun extends ReceiveRun {
  readonly place: Place;
}

async function receive(
  context: Context,
  upload: Upload,
  { run: [start, end], digests, crc32c, body, claim, writer, committer, place }: PlacedRun,
  sender: Sender,
): Promise<void> {
  const { record } = upload;
  let outgoing: Outgoing | undefined;
  const take = () => (outgoing ? outgoing.take() : writer.take());
  const intake = createIntake(context, body, { take, give: writer.give });
  let crc = 0;

  /** Receives the bytes of one part; those that are committed already are read and dropped. */
  async function receivePart(index: number, digest: PartDigest | undefined): Promise<void> {
    const size = partSizeAt(record, index);
    for (let at = 0; at < size; ) {
      const filled = await intake.next(Math.min(outgoing?.pieceMax() ?? SLOT_SIZE, size - at));
      if (!filled) throw endedEarly(body.stopped(), runSize(record, start, end));
      const bytes = filled.slot.memory.subarray(0, filled.size);
      if (crc32c !== undefined) crc = context.digests.crc32c(bytes, crc);
      const wrong = digest?.update(bytes);
      at += filled.size;
      await (outgoing ? outgoing.push(filled) : drop(filled));
      if (wrong) throw wrong;
    }
    const isLast = index === end - 1;
    if (isLast && !body.isExact && (await body.ready())) throw tooLong(runSize(record, start, end));
    if (isLast && crc32c !== undefined && crc !== crc32c) throw otherCrc(index);
    digest?.require();
  }

  async function drop({ slot }: Filled): Promise<void> {
    writer.give(slot);
  }

  for (let index = start; index < end; index++) {
    const expected = claim.parts.has(index) ? digests[index - start] : undefined;
    if (!expected) {
      outgoing = undefined;
      await receivePart(index, undefined);
      continue;
    }
    const size = partSizeAt(record, index);
    const own = await sender.begin({ index, size, digest: expected });
    outgoing = own;
    const running = context.digests.create(record.algorithm);
    const tail = tailAt(upload, index);
    try {
      await receivePart(index, partDigest(running, { index, expected, tail }));
    } catch (cause) {
      await own.drop(cause);
      throw cause;
    }
    committer.add({ index, digest: expected, size, place, tail, written: own.end() });
  }
}

interface PartDigest {
  /** Gives what is wrong with the bytes so far, if that can be told already. */
  update(bytes: Uint8Array): HoldfastError | undefined;
  /** @throws HoldfastError `digest_mismatch` */
  require(): void;
}

interface Expected {
  readonly index: number;
  readonly expected: Uint8Array;
  /** What appends have brought of the part: the same bytes begin it. */
  readonly tail: Tail | undefined;
}

function partDigest(running: RunningDigest, { index, expected, tail }: Expected): PartDigest {
  let size = 0;
  return {
    update(bytes) {
      const known = tail && size < tail.size ? tail.size - size : 0;
      size += bytes.length;
      if (!tail || known === 0 || known > bytes.length) {
        running.update(bytes);
        return undefined;
      }
      running.update(bytes.subarray(0, known));
      const wrong = tailFault(tail, running);
      running.update(bytes.subarray(known));
      return wrong;
    },
    require() {
      if (equalBytes(running.digest(), expected)) return;
      throw new HoldfastError("digest_mismatch", undefined, { index });
    },
  };
}
