// How a download ends: under its name, or removed.
import { contentOf, type DownloadJob, finishedOf, openedSinkOf } from "./download-job.ts";
import type { Answer } from "./state.ts";

/** Every part is verified: flushes and gives the file its name. */
export async function finishDownload(job: DownloadJob): Promise<Answer> {
  await openedSinkOf(job).sink.commit(contentOf(job).manifest.size);
  return { kind: "complete", file: finishedOf(job) };
}

export async function discardDownload({ opened }: DownloadJob): Promise<void> {
  await opened?.sink.discard();
}

/** Lets go of sink, claim and ports; the working file stays, for the next time. */
export async function closeDownload({ opened, ports }: DownloadJob): Promise<void> {
  await opened?.sink.close();
  opened?.release();
  ports.checkpoints.close();
  ports.transport.close();
}
