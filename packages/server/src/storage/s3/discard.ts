// Removing a place until nothing of it is left: a part that was on its way when the upload was ended may land after that.
import type { Place } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { isRefusal, type MultipartId } from "./calls.ts";
import { isStagedKey, multipartOf } from "./place.ts";
import { removeBelow } from "./remove.ts";
import { pause, retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

const TRIES = 10;

export async function discard(stage: Stage, place: Place): Promise<void> {
  const upload = multipartOf(place);
  const { key, uploadId } = upload;
  if (!isStagedKey(key)) await end(stage, upload);
  // An attempt to assemble that was cut: the object under its key is another attempt's.
  else if (uploadId !== "") return end(stage, upload);
  else {
    await removeBelow(stage, stage.keys.parts(key));
    await endAttempts(stage, key);
  }
  await retrying(stage, "removing the object", () => stage.calls.objects.delete(key));
}

/** Ends all that has been begun to make the object of this key, which no other key begins with. */
export async function endAttempts(stage: Stage, key: string): Promise<void> {
  const { multipart } = stage.calls;
  const list = () => retrying(stage, "listing multipart uploads", () => multipart.list(key));
  for (const attempt of (await list()).items) await end(stage, attempt);
}

async function end(stage: Stage, upload: MultipartId): Promise<void> {
  const { multipart } = stage.calls;
  for (let tries = 0; ; tries++) {
    const left = await partsLeft(stage, upload);
    // One that has no parts yet is there all the same; some stores go on listing none of what has ended.
    if (left === undefined || (left === 0 && tries > 0)) break;
    if (tries === TRIES)
      throw new HoldfastError("storage_failed", "parts come back again and again");
    if (tries > 0) await pause(stage, tries);
    await retrying(stage, "ending the multipart upload", () =>
      multipart.abort(upload).catch(unlessGone),
    );
  }
}

/** How many the store lists; undefined where it knows nothing of the upload any more. */
async function partsLeft(stage: Stage, upload: MultipartId): Promise<number | undefined> {
  return retrying(stage, "listing parts", async () => {
    try {
      return (await stage.calls.multipart.parts(upload)).items.length;
    } catch (error) {
      unlessGone(error);
      return undefined;
    }
  });
}

function unlessGone(error: unknown): void {
  if (!isRefusal(error, "NoSuchUpload")) throw error;
}
