// Where an append begins: the part at the upload's offset, with its tail taken up again.
import { contiguousParts, equalBytes, HoldfastError, partSizeAt } from "@holdfast/protocol";
import { recovering } from "./claims.ts";
import type { Context } from "./context.ts";
import { beginHealing } from "./heal.ts";
import { proveTail } from "./prove-tail.ts";
import { beginPart, type FillingPart, readTail, UNKNOWN } from "./tail.ts";
import type { Upload } from "./upload.ts";

/**
 * The part at the upload's offset. Its tail comes from memory where the append before has left it there, else read back and compared
 * with its digest before anything is built on it.
 *
 * @throws HoldfastError `recovering` where the stored bytes differ: healing looks at them, and ends the upload if they are bad; `upload_ended` where that is done already. What reading threw.
 */
export async function resumePart(context: Context, upload: Upload): Promise<FillingPart> {
  const { tail } = upload.record;
  const index = contiguousParts(upload.committed);
  if (!tail) return beginPart(context, upload, index);
  const left = upload.filling;
  delete upload.filling;
  const whole = partSizeAt(upload.record, index);
  if (left?.tail === tail) return { ...left.part, whole };
  const isPlaced = tail.objects !== undefined;
  const digest = await (isPlaced ? proveTail : readTail)(context, upload, tail);
  if (!equalBytes(digest.snapshot(), tail.digest)) {
    beginHealing(context, upload, new HoldfastError("storage_failed", "the tail differs"));
    throw recovering();
  }
  return { index, whole, size: tail.size, digest, fragment: tail.fragment, known: UNKNOWN };
}

/** Keeps the part in which an append has ended, if that is the tail now. */
export function leavePart(upload: Upload, part: FillingPart | undefined): void {
  const { tail } = upload.record;
  if (!part || tail?.index !== part.index || tail.size !== part.size) return;
  // It may be another server's by now.
  if (upload.held && !equalBytes(part.digest.snapshot(), tail.digest)) return;
  upload.filling = { tail, part };
}
