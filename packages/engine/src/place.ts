// The place of an upload, where a storage takes parts: begun with the first part, and in the record before anything goes there.
import { type HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { partsOf } from "./kinds.ts";
import type { Place, UploadRecord } from "./records.ts";
import { noteVersion, type Upload } from "./upload.ts";

/**
 * Where the parts of the upload go. However many ask, one place is begun; one that another has recorded meanwhile stands.
 * @throws HoldfastError `upload_not_open`; what beginning a place threw.
 */
export async function placeOf(context: Context, upload: Upload): Promise<Place> {
  const { place } = upload.record;
  if (place !== undefined) return place;
  upload.placing ??= begin(context, upload).finally(() => delete upload.placing);
  return upload.placing;
}

async function begin(context: Context, upload: Upload): Promise<Place> {
  const storage = partsOf(context);
  const { id, type, home } = upload.record;
  const place = await storage.begin(id, type, home);
  let stands: Place = place;
  let version: number | undefined;
  try {
    version = await context.metadata.apply({ kind: "place", id, place });
  } catch (error) {
    // After any other error nobody knows whether the record has it: then the sweep finds what nobody wants.
    if (!isHoldfastError(error) || error.code !== "upload_not_open") throw error;
    await storage.discard(place).catch((cause: unknown) => {
      context.log("warn", "place.left", { upload: id, cause });
    });
    stands = await recorded(context, upload, error);
  }
  upload.record = { ...upload.record, place: stands };
  noteVersion(upload, version);
  return stands;
}

/** @throws `why` where there is none, or the upload takes no parts any more. */
async function recorded(context: Context, { record }: Upload, why: HoldfastError): Promise<Place> {
  const now = await context.metadata.upload(record.id);
  if (!now || !takesBytes(now) || now.place === undefined) throw why;
  return now.place;
}

/** A final gets the bytes of its partials while it is `completing`. */
function takesBytes({ state, role }: UploadRecord): boolean {
  return state === "open" || (state === "completing" && role?.kind === "final");
}
