// A place that the store has dropped: a rule of its bucket has ended it, or somebody by hand. Parts go to another one then, and those that were in it are asked for again.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { partsOf } from "./kinds.ts";
import type { Place } from "./records.ts";
import { refresh, replaceParts } from "./refresh.ts";
import { readTogether, type Upload } from "./upload.ts";

/** Looks at a place that is said to be gone, and milliseconds between two of them: one answer proves nothing, and parts are lost by this. */
const LOOKS = 3;
const LOOK_MS = 1000;

/** Runs what uses a place. Where that is gone the upload gets another, or has failed where an offset was told that cannot be kept; whoever asked asks again. */
export async function inPlace<T>(
  context: Context,
  upload: Upload,
  place: Place,
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (isGone(error)) await moveOn(context, upload, place);
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return isHoldfastError(error) && error.details["isPlaceGone"] === true;
}

function moveOn(context: Context, upload: Upload, gone: Place): Promise<void> {
  upload.moving ??= move(context, upload, gone)
    .catch((cause: unknown) => {
      context.log("error", "place.not-moved", { upload: upload.record.id, cause });
    })
    .finally(() => delete upload.moving);
  return upload.moving;
}

async function move(context: Context, upload: Upload, gone: Place): Promise<void> {
  const { metadata, clock, log } = context;
  const storage = partsOf(context);
  const { id, type, home } = upload.record;
  if (!isWanted(upload, gone)) return;
  for (let looks = 1; looks < LOOKS; looks++) {
    await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
    if (context.isDraining) throw new HoldfastError("shutting_down");
    if (!(await isStillGone(context, gone))) return;
  }
  if (!isWanted(upload, gone)) return;
  const place = await storage.begin(id, type, home);
  const token = upload.held ? { token: upload.held.token } : {};
  const change = { kind: "move", id, ...token, place, instead: gone, kept: [], at: clock.now() };
  try {
    await metadata.apply({ ...change, kind: "move" });
  } catch (error) {
    // After any other error nobody knows whether the record has it: then the sweep finds what nobody wants.
    if (!isHoldfastError(error) || error.code !== "upload_not_open") throw error;
    await storage.discard(place);
    return refresh(context, upload);
  }
  const { record, table } = await readTogether(metadata, id);
  replaceParts(upload, record, table);
  upload.record = record;
  log("error", "place.gone", { upload: id, state: record.state });
  // Where an offset was told the upload has failed, and the old place stands.
  if (record.place !== place) await storage.discard(place);
}

/** What has ended lets go of its place by itself. */
function isWanted({ record: { place, state } }: Upload, gone: Place): boolean {
  return place === gone && (state === "open" || state === "completing");
}

/** What was made one object takes no parts either: late ones of a partial that finals read are refused like those of a place that is gone. */
async function isStillGone(context: Context, place: Place): Promise<boolean> {
  const { listed, objects } = partsOf(context);
  try {
    await listed(place, 0, 1);
    return false;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  for await (const _ of objects.read({ kind: "bytes", place }, { start: 0, end: 1 })) return false;
  return true;
}
