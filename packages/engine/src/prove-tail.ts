// A tail in objects, read back: nothing is built on bytes that are not those of its digest.
import { equalBytes, HoldfastError } from "@holdfast/protocol";
import { appending } from "./claims.ts";
import type { Context } from "./context.ts";
import { withdraw } from "./heal.ts";
import type { RunningDigest } from "./ports.ts";
import type { Tail } from "./records.ts";
import { readTail } from "./tail.ts";
import type { Upload } from "./upload.ts";

/** Looks at a tail whose bytes are others, and milliseconds between two of them: it is a promise, and one look proves little. */
const LOOKS = 3;
const LOOK_MS = 1000;

/**
 * The digest over what is stored of a tail.
 * @throws HoldfastError `upload_ended` where it has proved bad: an offset was told, which cannot be kept. `append_in_progress` where it is the tail no more. What reading threw.
 */
export async function proveTail(
  context: Context,
  upload: Upload,
  tail: Tail,
): Promise<RunningDigest> {
  for (let looks = 1; ; looks++) {
    const digest = await readTail(context, upload, tail);
    if (equalBytes(digest.snapshot(), tail.digest)) return digest;
    await requireNamed(context, upload, tail);
    context.log("error", "tail.bad", { upload: upload.record.id, index: tail.index, looks });
    if (looks === LOOKS) break;
    await new Promise<void>((resolve) => context.clock.after(LOOK_MS, resolve));
    if (context.isDraining) throw new HoldfastError("shutting_down");
  }
  await withdraw(context, upload, [tail.index]);
  const { state } = upload.record;
  throw new HoldfastError("upload_ended", "bytes that were appended are lost", { state });
}

/** Another server may have had the part come whole, and removed what it was begun with: that is no loss. It is removed after the record, so that this is seen by whoever misses it. */
async function requireNamed(
  { metadata }: Context,
  { record: { id } }: Upload,
  { index, digest }: Tail,
): Promise<void> {
  const { tail } = (await metadata.upload(id)) ?? {};
  if (tail?.index !== index || !equalBytes(tail.digest, digest)) throw appending();
}
