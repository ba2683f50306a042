// What the store itself says that it has of a place.
import type { ListedPart as Listed, Place } from "@holdfast/engine";
import type { ListedPart, MultipartId } from "./calls.ts";
import { multipartOf, numberOf } from "./place.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

export async function listed(
  stage: Stage,
  place: Place,
  start: number,
  end: number,
): Promise<ReadonlyMap<number, Listed>> {
  const found = new Map<number, Listed>();
  const upload = multipartOf(place);
  // Not those behind, which may be thousands.
  const most = end - start;
  for await (const { number, size, sha256 } of pagesOf(stage, upload, numberOf(start), most)) {
    if (number >= numberOf(end)) break;
    found.set(number - 1, sha256 ? { size, digest: sha256 } : { size });
    if (number === end) break;
  }
  return found;
}

/** All parts from a number on, in order, page by page. */
export async function* pagesOf(
  stage: Stage,
  upload: MultipartId,
  from = 1,
  most?: number,
): AsyncGenerator<ListedPart, void, void> {
  let after: number | undefined = from - 1;
  while (after !== undefined) {
    const marker: number = after;
    const page = await retrying(stage, "listing parts", () =>
      stage.calls.multipart.parts(upload, marker, most),
    );
    yield* page.items;
    after = page.next;
  }
}
