// The parts of a staged place, made those of one multipart upload. The store copies them itself; where it does not, they go through us.
import type { BoundPart } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { isRefusal, type MultipartId } from "./calls.ts";
import { endAttempts } from "./discard.ts";
import { forEach } from "./for-each.ts";
import { numberOf, type Staged } from "./place.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

/**
 * Resolves when whatever is there of the parts is copied: what is not, the store's own listing shows. Attempts of before are ended: one that is still going on fails, and finds this one's object.
 * @throws HoldfastError `storage_failed`
 */
export async function copyAll(
  stage: Stage,
  { key, type }: Staged,
  parts: readonly BoundPart[],
): Promise<MultipartId> {
  const { multipart } = stage.calls;
  await endAttempts(stage, key);
  const uploadId = await retrying(stage, "beginning a multipart upload", () =>
    multipart.create(key, { type, ...stage.marks }),
  );
  const upload = { key, uploadId };
  await forEach(parts, (part) => copyPart(stage, upload, part));
  return upload;
}

async function copyPart(stage: Stage, upload: MultipartId, part: BoundPart): Promise<void> {
  const from = stage.keys.parts(upload.key) + part.index;
  const number = numberOf(part.index);
  try {
    await retrying(stage, `copying part ${part.index}`, () =>
      stage.calls.multipart.copy({ ...upload, number, from }),
    );
  } catch (error) {
    const cause = error instanceof HoldfastError ? error.cause : error;
    if (isRefusal(cause, "NoSuchKey")) return;
    if (!isRefusal(cause) || isRefusal(cause, "NoSuchUpload")) throw error;
    await passOn(stage, { ...upload, from, number }, part);
  }
}

/** Not every store that speaks S3 can copy. The digest goes along, so that it takes no other bytes. */
async function passOn(
  stage: Stage,
  { from, ...target }: MultipartId & { readonly from: string; readonly number: number },
  { index, size, digest }: BoundPart,
): Promise<void> {
  const { multipart, objects } = stage.calls;
  await retrying(stage, `passing part ${index} on`, async () => {
    const found = await objects.get(from, 0, size);
    if (found) await multipart.put({ ...target, size, sha256: digest, body: found.pieces });
  });
}
