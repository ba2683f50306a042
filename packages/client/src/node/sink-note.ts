// The text that a sink keeps beside its working file: replaced as a whole, and never half of one.
import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { errnoOf, messageOf } from "./errno.ts";
import { syncDirectory } from "./sink-file.ts";

/** A journal of 100,000 parts has 25 KB, and 4.3 MB where it keeps their digests. */
const SIZE_MAX = 8 * 1024 * 1024;

/** Opening a FIFO would wait for somebody. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const WRITE =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_TRUNC |
  (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

/** `.NAME.ROOT.journal` beside `.NAME.ROOT.part`. */
function noteOf(working: string): string {
  return working.replace(/part$/, "journal");
}

/** What cannot be read is as good as none. */
export async function readNote(working: string): Promise<string | undefined> {
  const handle = await open(noteOf(working), READ).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > SIZE_MAX) return "";
    return await handle.readFile("utf8");
  } catch {
    return "";
  } finally {
    await handle.close();
  }
}

/** Under another name first, flushed there, then in the place of the one before. @throws HoldfastError `checkpoint_failed` */
export async function writeNote(working: string, text: string): Promise<void> {
  const path = noteOf(working);
  try {
    const next = `${path}~`;
    const handle = await open(next, WRITE, 0o600);
    try {
      // A FIFO with a reader, or a device, would take the text and keep nothing.
      if (!(await handle.stat()).isFile()) throw new Error(`${next} is not a file`);
      await handle.writeFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(next, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    const details = { cause: errnoOf(error) };
    throw new HoldfastError("checkpoint_failed", messageOf(error), details, error);
  }
}

/** Nothing there is fine. */
export async function removeNote(working: string): Promise<void> {
  const path = noteOf(working);
  for (const name of [path, `${path}~`]) await rm(name, { force: true });
}
