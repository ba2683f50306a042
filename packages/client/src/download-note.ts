// Notes that a download has begun, so that it can be found again by who does not know the command.
import { encodeHex } from "@holdfast/protocol";
import { checkpointKey } from "./checkpoint.ts";
import { type DownloadJob, openedSinkOf } from "./download-job.ts";
import type { Version } from "./pin.ts";
import { noteDownload } from "./unfinished.ts";

/** Only a hint, so it never rejects. Of a single part nothing could be gone on with, and a copy says itself what is left to do with it. */
export async function noteProgress(job: DownloadJob, version: Version): Promise<void> {
  const { size, root, partSize } = version;
  const { url, sink } = openedSinkOf(job);
  if (size <= partSize || sink.working === "itself") return;
  const { sha256 } = job.options;
  const wanted = sha256 === undefined ? {} : { sha256 };
  const about = { url, path: sink.identity, size, root: encodeHex(root), ...wanted };
  await noteDownload(job.ports, keyOf(job), about).catch(() => undefined);
}

/** There is nothing to go on with any more. Never rejects. */
export async function forgetProgress(job: DownloadJob, { size, partSize }: Version): Promise<void> {
  if (size <= partSize || openedSinkOf(job).sink.working === "itself") return;
  await job.noting;
  await job.ports.checkpoints.remove(keyOf(job)).catch(() => undefined);
}

/** Whether nothing is there of a file that is to be fetched, as far as is known: of one that nobody has named the version of. Never rejects. */
export async function isFresh(job: DownloadJob): Promise<boolean> {
  const { sink, isOurs } = openedSinkOf(job);
  if (!isOurs || sink.working === "itself") return false;
  try {
    const noted = await job.ports.checkpoints.load(keyOf(job));
    return noted === undefined && (await sink.existingSize()) === undefined;
  } catch {
    return false;
  }
}

function keyOf(job: DownloadJob): string {
  return checkpointKey(job.ports.digester, "download", openedSinkOf(job).sink.identity);
}
