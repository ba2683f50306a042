// The partials of finals that are still being put together: their bytes stay until then, whatever becomes of the partials.
import { HoldfastError, SIZE_MAX, type UploadId } from "@holdfast/protocol";
import { type Context, useUpload } from "./context.ts";
import type { Principal, UploadRecord } from "./records.ts";
import { offsetOf } from "./upload.ts";

/** Keeps the partials of a final. May be repeated. */
export function pinPartials(context: Context, { id, role }: UploadRecord): void {
  if (role?.kind === "final") context.pins.set(id, new Set(role.partials));
}

/** The final has its bytes, or will never have them. What waited for that goes with the next sweep. */
export function unpinPartials(context: Context, { id }: UploadRecord): void {
  context.pins.delete(id);
}

export function isPinned({ pins }: Context, id: UploadId): boolean {
  for (const partials of pins.values()) if (partials.has(id)) return true;
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
