// The parts of a staged place, made those of one multipart upload. The store copies them itself; where it does not, they go through us.
import type { BoundPart } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { isRefusal, type MultipartId } from "./calls.ts";
import { endAttempts } from "./discard.ts";
import { forEach } from "./for-each.ts";
import { numberOf, type Staged } from "./place.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";
import { isOtherBytes } from "./write.ts";

/** Who does it: the store, which sends no byte of them, or the server, where the store cannot, or makes something else of them. */
export type CopiedBy = "store" | "server";

/**
 * Resolves when whatever is there of the parts is copied: what is not, the store's own listing shows. Attempts of before are ended: one that is still going on fails, and finds this one's object.
 * @throws HoldfastError `storage_failed`
 */
export async function copyAll(
  stage: Stage,
  { key, type }: Staged,
  parts: readonly BoundPart[],
  by: CopiedBy,
): Promise<MultipartId> {
  const { multipart } = stage.calls;
  await endAttempts(stage, key);
  const uploadId = await retrying(stage, "beginning a multipart upload", () =>
    multipart.create(key, { type, ...stage.marks }),
  );
  const upload = { key, uploadId };
  const copy = by === "store" ? copyPart : passOn;
  await forEach(parts, (part) => copy(stage, upload, part));
  return upload;
}

async function copyPart(stage: Stage, upload: MultipartId, part: BoundPart): Promise<void> {
  try {
    await retrying(stage, `copying part ${part.index}`, () =>
      stage.calls.multipart.copy({ ...upload, ...partOf(stage, upload, part) }),
    );
  } catch (error) {
    const cause = error instanceof HoldfastError ? error.cause : error;
    if (isRefusal(cause, "NoSuchKey")) return;
    if (!isRefusal(cause) || isRefusal(cause, "NoSuchUpload")) throw error;
    await passOn(stage, upload, part);
  }
}

function partOf({ keys }: Stage, { key }: MultipartId, { index }: BoundPart) {
  return { from: keys.parts(key) + index, number: numberOf(index) };
}

/** Not every store that speaks S3 can copy. The digest goes along, so that it takes no other bytes: a part that has such is as good as missing. */
async function passOn(stage: Stage, upload: MultipartId, part: BoundPart): Promise<void> {
  const { multipart, objects } = stage.calls;
  const { index, size, digest: sha256 } = part;
  const { from, number } = partOf(stage, upload, part);
  try {
    await retrying(stage, `passing part ${index} on`, async () => {
      const found = await objects.get(from, 0, size);
      if (found) await multipart.put({ ...upload, number, size, sha256, body: found.pieces });
    });
  } catch (error) {
    if (!isOtherBytes(error)) throw error;
  }
}
