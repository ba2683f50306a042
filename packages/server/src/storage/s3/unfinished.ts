// Multipart uploads of ours that have not ended. Nothing outside our own prefix is ever looked at.
import type { Place } from "@holdfast/engine";
import type { UploadId } from "@holdfast/protocol";
import type { UploadMarker } from "./calls.ts";
import { placeOf } from "./place.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

export async function* unfinished(
  stage: Stage,
  before: number,
): AsyncGenerator<{ readonly id: UploadId; readonly place: Place }, void, void> {
  const { calls, keys, home } = stage;
  let after: UploadMarker | undefined;
  do {
    const marker: UploadMarker | undefined = after;
    const page = await retrying(stage, "listing multipart uploads", () =>
      calls.multipart.list(keys.places, marker),
    );
    for (const { key, uploadId, startedAt } of page.items) {
      const id = keys.uploadOf(key);
      if (id && startedAt < before) yield { id, place: placeOf({ key, uploadId }, home) };
    }
    after = page.next;
  } while (after);
}
