// Places that nobody wants: a crash between the storage's answer and the record that names the place leaves one.
import type { Context } from "./context.ts";
import type { Due, Place, UploadRecord } from "./records.ts";

/** Milliseconds that a place may be older than its record: whoever began it would have recorded it by then. */
const PLACE_MS: number = 24 * 60 * 60 * 1000;

/** As work that waits: how much lies there nobody knows. */
interface Stray extends Due {
  readonly place: Place;
}

/** Places that were begun a day ago, are neither assembled nor discarded, stand in no record that has bytes, and are not made to heal a file. */
export async function* straysDue(context: Context): AsyncGenerator<Stray, void, void> {
  const { storage, clock } = context;
  if (storage.kind !== "parts") return;
  const before = clock.now() - PLACE_MS;
  for await (const { id, place } of storage.unfinished(before)) {
    const stray: Stray = { id, place, size: 0, at: before };
    if (!(await isWanted(context, stray))) yield stray;
  }
}

async function isWanted({ metadata }: Context, { id, place }: Stray): Promise<boolean> {
  const upload = await metadata.upload(id);
  if (upload?.place === place && upload.hasBytes) return true;
  const file = await metadata.file({ uploadId: id });
  // While a file is damaged any place of it may be the one that its record is about to lead to: to heal a large one takes longer than a day.
  return file?.place === place || file?.notes?.damaged !== undefined;
}

/**
 * Whether an upload that its record has open is one object already, and nothing has opened it again: then the record is older than the bytes, as after an older copy was restored,
 * and they may be those of a file that was published since. Only a person can tell.
 */
export async function isBehind(
  { storage }: Context,
  { place, role, error }: UploadRecord,
): Promise<boolean> {
  if (storage.kind !== "parts" || place === undefined || role || error) return false;
  const object = { kind: "bytes", place } as const;
  for await (const _ of storage.objects.read(object, { start: 0, end: 1 })) return true;
  return false;
}
