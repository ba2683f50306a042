// Small files of settings in the data directory, keys and tokens: read whole or refused, replaced whole or left as they were.
import { readFileSync } from "node:fs";
import { isHoldfastError } from "@holdfast/protocol";
import { replaceFile } from "./durable-file.ts";
import { unusable } from "./locked.ts";

/**
 * What the file says, or undefined where there is none.
 *
 * @param decode Throws for what it does not understand, with words that show nothing secret.
 * @param remedy What to do about such a file.
 * @throws HoldfastError `data_dir_unusable`, or what `decode` throws as one
 */
export function readSettingsFile<T>(
  path: string,
  decode: (text: string) => T,
  remedy: string,
): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw unusable(path, cause);
  }
  try {
    return decode(text);
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unusable(path, new Error(`${why}. ${remedy}`, { cause }));
  }
}

/** Returns when the new text survives power loss. Whoever calls this holds the lock of the settings. @throws HoldfastError `data_dir_unusable`: then the old file stands */
export function writeSettingsFile(path: string, text: string): void {
  try {
    replaceFile(path, text);
  } catch (cause) {
    throw unusable(path, cause);
  }
}
