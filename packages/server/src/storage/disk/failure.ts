// What a failure of the file system means above the storage port.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { errnoOf } from "./fs.ts";

/** ENOSPC also stands for a file system without inodes left. */
const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** `storage_full` where there is no room, `storage_failed` for anything else; the failure itself stays as the cause, for the log. */
export function storageError(error: unknown, doing: string): HoldfastError {
  if (isHoldfastError(error)) return error;
  const errno = errnoOf(error);
  const isFull = errno !== undefined && FULL.has(errno);
  const message = `${doing} failed${errno === undefined ? "" : ` (${errno})`}`;
  return new HoldfastError(isFull ? "storage_full" : "storage_failed", message, {}, error);
}

/** Resolves with undefined where a name leads nowhere. */
export async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
