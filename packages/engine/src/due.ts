// Work that waits, a batch at a time: what fails stays where it is and does not come again.
import type { MetadataStore } from "./ports.ts";
import type { Due, DueKind } from "./records.ts";

/** Entries that are asked for at once. */
const BATCH = 256;

/** Everything of a kind that is due, oldest first, each entry once; what is done while the list is read need not be there any more. */
export async function* allDue(
  metadata: MetadataStore,
  kind: DueKind,
  before?: number,
): AsyncGenerator<Due, void, void> {
  let after: Due | undefined;
  for (;;) {
    const batch = await metadata.due(kind, {
      limit: BATCH,
      ...(before === undefined ? {} : { before }),
      ...(after ? { after } : {}),
    });
    yield* batch;
    after = batch.at(-1);
    if (!after || batch.length < BATCH) return;
  }
}
