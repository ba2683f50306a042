// finished: the file that an upload has become, as whoever brought it is told.
import { HoldfastError, type StoredFile } from "@holdfast/protocol";
import { type Context, useUpload } from "./context.ts";
import { listedFile } from "./list.ts";
import type { Principal } from "./records.ts";

export function finished(context: Context, principal: Principal, id: string): Promise<StoredFile> {
  return useUpload(context, principal, "write", id, async ({ record: { fileId } }) => {
    const file = fileId && (await context.metadata.file(fileId));
    if (file?.state !== "available") throw new HoldfastError("file_not_found");
    return { ...listedFile(file), partSize: file.partSize, upload: file.uploadId };
  });
}
