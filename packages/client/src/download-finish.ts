// How a download ends: under its name, or removed.
import { contentOf, type DownloadJob, finishedOf, openedSinkOf } from "./download-job.ts";
import { forgetProgress } from "./download-note.ts";
import type { Answer } from "./state.ts";
import { requireSha256 } from "./wanted-file.ts";
import type { Call } from "./work.ts";

/** Every part is verified: flushes and gives the file its name. */
export async function finishDownload(job: DownloadJob, { signal }: Call): Promise<Answer> {
  const { manifest } = contentOf(job);
  const { sink } = openedSinkOf(job);
  const { size } = manifest;
  await requireSha256({ sink, file: "working", size }, job.options, job.ports.digester, signal);
  await sink.commit(manifest.size, job.options.replace ? "replace" : "keep");
  await forgetProgress(job, manifest);
  return { kind: "complete", file: finishedOf(job) };
}

/** Without the claim, and before it is known what was to be downloaded, nothing there is ours. */
export async function discardDownload(job: DownloadJob): Promise<void> {
  const { opened, root, content } = job;
  if (opened?.isOurs && root !== undefined) await opened.sink.discard(root);
  if (opened?.isOurs && content) await forgetProgress(job, content.manifest);
}

/** Lets go of sink, claim and ports, of each whatever becomes of the others; the working file stays, for the next time. */
export async function closeDownload({ opened, ports }: DownloadJob): Promise<void> {
  await Promise.allSettled([opened?.sink.close()]);
  try {
    opened?.release();
  } finally {
    ports.checkpoints.close();
    ports.transport.close();
  }
}
