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
  for await (const { number, size, sha256 } of pagesOf(
    stage,
    multipartOf(place),
    numberOf(start),
  )) {
    if (number >= numberOf(end)) break;
    found.set(number - 1, sha256 ? { size, digest: sha256 } : { size });
  }
  return found;
}

/** All parts from a number on, in order, page by page. */
export async function* pagesOf(
  stage: Stage,
  upload: MultipartId,
  from = 1,
): AsyncGenerator<ListedPart, void, void> {
  let after: number | undefined = from - 1;
  while (after !== undefined) {
    const marker: number = after;
    const page = await retrying(stage, "listing parts", () =>
      stage.calls.multipart.parts(upload, marker),
    );
    yield* page.items;
    after = page.next;
  }
}
