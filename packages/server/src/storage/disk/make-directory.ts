// Makes the directories that data lies in, so that they are there after power loss too.
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { errnoOf } from "./fs.ts";
import { nodeFs } from "./node-fs.ts";

/** Bytes of uploads are nobody's business but the server's. */
const DIRECTORY_MODE = 0o700;

/**
 * Makes a directory and those above it. Resolves when their names are durable: nothing in a new directory counts before. May be repeated.
 *
 * @throws HoldfastError `data_dir_unusable`
 */
export async function makeDirectory(path: string): Promise<void> {
  const target = resolve(path);
  try {
    const first = await mkdir(target, { recursive: true, mode: DIRECTORY_MODE });
    const above = dirname(first ?? target);
    for (let at = target; at !== above; at = dirname(at)) await nodeFs.fsyncDir(at);
    await flushParent(above, first !== undefined);
  } catch (error) {
    const message = `${target} cannot be made or used (${errnoOf(error) ?? "unknown"})`;
    throw new HoldfastError("data_dir_unusable", message, {}, error);
  }
}

/** A directory above that was there before may be one we must not read; whoever made ours has flushed it. */
async function flushParent(above: string, isOurs: boolean): Promise<void> {
  try {
    await nodeFs.fsyncDir(above);
  } catch (error) {
    if (isOurs || errnoOf(error) !== "EACCES") throw error;
  }
}
