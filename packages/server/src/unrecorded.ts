// Stored bytes that no record knows: what a crash leaves of a small file between its bytes and its record, or what older records do not know yet.
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log, MetadataStore } from "@holdfast/engine";
import { isUploadId, type UploadId } from "@holdfast/protocol";

const STORED = /^([a-z2-7]{26})\.(?:bytes|manifest)$/;
/** Bytes of uploads are nobody's business but the server's. */
const DIRECTORY_MODE = 0o700;
/** Looked up in one turn of the event loop: some milliseconds. */
const SLICE = 256;

/** Names of stored files by the upload they belong to, as they are before the first request: nothing that a request is about to record is among them. */
export type StoredNames = ReadonlyMap<UploadId, readonly string[]>;

export async function listStored(directory: string): Promise<StoredNames> {
  const names = new Map<UploadId, string[]>();
  for (const name of await readdir(directory)) {
    const [, id = ""] = STORED.exec(name) ?? [];
    if (!isUploadId(id)) continue;
    const known = names.get(id);
    if (known) known.push(name);
    else names.set(id, [name]);
  }
  return names;
}

export interface Aside {
  readonly metadata: Pick<MetadataStore, "upload" | "file">;
  readonly log: Log;
  /** Where the bytes lie. */
  readonly from: string;
  /** Made where there is something to lay down. */
  readonly to: string;
  isStopped(): boolean;
}

/**
 * Moves what no record knows out of the way, and says so: a server that was given older records, or none, must not take the bytes of newer ones for rubbish.
 * Resolves with how many uploads that were.
 */
export async function setAsideUnrecorded(
  stored: StoredNames,
  { metadata, log, from, to, isStopped }: Aside,
): Promise<number> {
  let looked = 0;
  let moved = 0;
  for (const [id, names] of stored) {
    if (isStopped()) break;
    if (++looked % SLICE === 0) await nextTurn();
    if ((await metadata.upload(id)) || (await metadata.file({ uploadId: id }))) continue;
    await mkdir(to, { recursive: true, mode: DIRECTORY_MODE });
    let isMoved = false;
    for (const name of names)
      isMoved = (await moveAside(join(from, name), join(to, name))) || isMoved;
    if (isMoved) moved++;
  }
  if (moved > 0) log("warn", "storage.unrecorded", { uploads: moved, movedTo: to });
  return moved;
}

/** False where it has been deleted meanwhile, with its record. */
async function moveAside(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (cause) {
    const isGone = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (!isGone) throw cause;
    return false;
  }
}
