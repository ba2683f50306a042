// delete: hides a file from everybody at once, then removes its bytes.
import { encodeHex, type FileId, HoldfastError, ID_BYTES, isFileId } from "@holdfast/protocol";
import { type Context, doWork } from "./context.ts";
import type { FileRecord, Principal } from "./records.ts";
import { removeStored } from "./stored.ts";

/**
 * Resolves when nobody can begin to read the file any more, and its bytes are gone, or will be: what the storage refuses now is left to the next sweep.
 * Reads that are under way end early or go on; they never give other bytes.
 *
 * @throws HoldfastError `file_not_found`
 */
export function deleteFile(context: Context, principal: Principal, id: string): Promise<void> {
  return doWork(context, async () => {
    const file = isFileId(id) ? await context.metadata.file(id) : undefined;
    if (file?.tenant !== principal.tenant) throw new HoldfastError("file_not_found");
    await context.policy.decide(principal, "delete", file);
    await hide(context, file);
    await eraseFile(context, file.id, file).catch((cause: unknown) => {
      context.log("error", "file.not-erased", { file: file.id, cause });
    });
  });
}

/** The record says first that it goes: a crash in between leaves bytes that nobody sees and that `recover` finds, never a file without bytes. */
async function hide(context: Context, { id, uploadId, state }: FileRecord): Promise<void> {
  if (state === "deleting") return;
  const entry = encodeHex(context.random.bytes(ID_BYTES));
  const at = context.clock.now();
  const outbox = { id: entry, kind: "file.deleted", fileId: id, at } as const;
  await context.metadata.apply({ kind: "delete", id, outbox });
  context.uploads.drop(uploadId);
}

/** Removes the bytes of a hidden file. May be repeated. */
export async function eraseFile(context: Context, id: FileId, known?: FileRecord): Promise<void> {
  const file = known ?? (await context.metadata.file(id));
  // Another has been quicker.
  if (!file) return;
  // Whoever mends it stops, now that it is hidden; what he writes after that would stand in no record.
  await context.healing.get(id)?.catch(() => undefined);
  await removeStored(context, { ...file, id: file.uploadId });
  await context.metadata.apply({ kind: "erased", id });
}
