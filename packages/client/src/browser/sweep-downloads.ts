// Removes what downloads of this site have left for long: what was kept for a page that never said it was done with it, and what nobody can go on with.
import type { CheckpointStore, Clock } from "../ports.ts";
import type { Keeping } from "./keeping.ts";
import { type Disk, forgetWorking, keyOfWorking } from "./sink.ts";

/** A person may still be saving what was kept, or come back to the page. In milliseconds. */
const KEPT_MS: number = 24 * 60 * 60 * 1000;

interface Place {
  readonly checkpoints: CheckpointStore;
  readonly clock: Pick<Clock, "now">;
  readonly keeping: Pick<Keeping, "isKept">;
}

/** What is unfinished stays for as long as it is noted; what a tab is at, or has, stays too. @throws HoldfastError */
export async function sweepDownloads(
  disk: Disk,
  { checkpoints, clock, keeping }: Place,
): Promise<void> {
  const folder = await disk.folder();
  for await (const [name, handle] of folder.entries()) {
    const key = keyOfWorking(name);
    if (key === undefined || !isFile(handle)) continue;
    const { lastModified } = await handle.getFile();
    if (lastModified + KEPT_MS > clock.now() || (await checkpoints.load(key))) continue;
    const release = await checkpoints.claim(key).catch(() => undefined);
    if (!release) continue;
    try {
      if (!(await keeping.isKept(name))) await forgetWorking(folder, name, checkpoints);
    } finally {
      release();
    }
  }
}

function isFile(handle: FileSystemHandle): handle is FileSystemFileHandle {
  return handle.kind === "file";
}
