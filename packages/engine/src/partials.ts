// The partials of finals that are still being put together: their bytes stay until then, whatever becomes of the partials.
import { HoldfastError, SIZE_MAX, type UploadId } from "@holdfast/protocol";
import { type Context, useUpload } from "./context.ts";
import { allDue } from "./due.ts";
import type { Principal, UploadRecord } from "./records.ts";
import { offsetOf } from "./upload.ts";

/**
 * Whether a final that is still being put together needs the bytes of an upload. The records say so, whichever server has begun it: a final is recorded before
 * its partials are looked at for the last time, and a partial ends before anybody asks this, so that one of the two always sees the other.
 */
export async function isPinned(
  { metadata }: Context,
  { id, role }: UploadRecord,
): Promise<boolean> {
  if (role?.kind !== "partial") return false;
  for await (const due of allDue(metadata, "completing")) {
    const { state, role } = (await metadata.upload(due.id)) ?? {};
    if (state === "completing" && role?.kind === "final" && role.partials.includes(id)) return true;
  }
  return false;
}

/**
 * The partials by their ids, which came in addresses, and the bytes that they have together. One may stand there more than once.
 * @throws HoldfastError `upload_not_found`, `upload_ended`; `invalid_request` for what is no partial, or has not got its last byte; `size_too_large`
 */
export async function measurePartials(
  context: Context,
  principal: Principal,
  ids: readonly string[],
): Promise<{ readonly partials: readonly UploadId[]; readonly size: number }> {
  const partials: UploadId[] = [];
  let size = 0;
  for (const id of ids) {
    const { record, offset } = await useUpload(context, principal, "write", id, async (upload) => ({
      record: upload.record,
      offset: offsetOf(upload),
    }));
    requireWhole(record, offset);
    partials.push(record.id);
    size += record.size;
    if (size > SIZE_MAX) throw new HoldfastError("size_too_large", undefined, { limit: SIZE_MAX });
  }
  return { partials, size };
}

function requireWhole({ state, role, hasSize, size, tail }: UploadRecord, offset: number): void {
  if (role?.kind !== "partial") throw refusal("names an upload that is no partial");
  if (state !== "open") throw new HoldfastError("upload_ended", undefined, { state });
  const isWhole = hasSize && offset === size && !tail;
  if (!isWhole) throw refusal("names a partial that has not got its last byte");
}

function refusal(why: string): HoldfastError {
  const field = "upload-concat";
  return new HoldfastError("invalid_request", `${field} ${why}`, { field });
}
