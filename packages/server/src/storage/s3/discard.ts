// Removing a place until nothing of it is left: a part that was on its way when the upload was ended may land after that.
import type { Place } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { isRefusal, type MultipartId } from "./calls.ts";
import { multipartOf } from "./place.ts";
import { pause, retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

const TRIES = 10;

export async function discard(stage: Stage, place: Place): Promise<void> {
  const upload = multipartOf(place);
  const { multipart, objects } = stage.calls;
  for (let tries = 1; !(await isGone(stage, upload)); tries++) {
    if (tries > TRIES) throw new HoldfastError("storage_failed", "parts come back again and again");
    if (tries > 1) await pause(stage, tries);
    await retrying(stage, "ending the multipart upload", () =>
      multipart.abort(upload).catch(unlessGone),
    );
  }
  await retrying(stage, "removing the object", () => objects.delete(upload.key));
}

/** Whether the store knows nothing of it any more. */
async function isGone(stage: Stage, upload: MultipartId): Promise<boolean> {
  return retrying(stage, "listing parts", async () => {
    try {
      await stage.calls.multipart.parts(upload);
      return false;
    } catch (error) {
      unlessGone(error);
      return true;
    }
  });
}

function unlessGone(error: unknown): void {
  if (!isRefusal(error, "NoSuchUpload")) throw error;
}
