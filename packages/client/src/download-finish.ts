// How a download ends: under its name, or removed.
import { equalBytes, HoldfastError, removePart } from "@holdfast/protocol";
import { digestAt } from "./digest-table.ts";
import { contentOf, type DownloadJob, finishedOf, openedSinkOf } from "./download-job.ts";
import { createJournal } from "./download-journal.ts";
import { forgetProgress } from "./download-note.ts";
import { isEvery, openAnswer } from "./download-open.ts";
import type { PartCheck } from "./ports.ts";
import type { Answer } from "./state.ts";
import { requireSha256 } from "./wanted-file.ts";
import type { Call } from "./work.ts";

/** Every part is verified: flushes and gives the file its name. */
export async function finishDownload(job: DownloadJob, { signal }: Call): Promise<Answer> {
  const { version, verified, pin } = contentOf(job);
  const { sink } = openedSinkOf(job);
  await readToItsEnd(job, signal);
  if (!isEvery(verified)) return openAnswer(job);
  const { size } = version;
  const toHash = { sink, file: "working", size, isProved: pin.kind === "manifest" } as const;
  await requireSha256(toHash, job.options, job.ports.digester, signal);
  const { journal } = job;
  await endJournal(job);
  await journal?.settled();
  try {
    const existing = job.options.replace ? "replace" : "keep";
    await sink.commit(size, existing, checkOf(job, signal));
  } catch (error) {
    if (isEvery(verified)) throw error;
    job.journal = createJournal(job, contentOf(job));
    return openAnswer(job);
  }
  await forgetProgress(job, version);
  return { kind: "complete", file: finishedOf(job) };
}

/** A part that is not what it was when it arrived is not verified any more: it is fetched again. */
function checkOf(job: DownloadJob, signal: AbortSignal): PartCheck {
  const { version, verified } = contentOf(job);
  return {
    partSize: version.partSize,
    async judge(index, bytes) {
      signal.throwIfAborted();
      const digest = await job.ports.digester.digest(bytes, version.algorithm);
      if (equalBytes(digest, digestAt(version.digests, index))) return;
      removePart(verified, index);
      const detail = `part ${index} was changed on this disk since it arrived, and is fetched again`;
      job.emit("notice", { code: "checkpoint_damaged", detail });
      throw new HoldfastError("sink_failed", detail);
    },
  };
}

/** What the journal names is read beside the transfer; no file gets its name before that is done. */
async function readToItsEnd({ reading }: DownloadJob, signal: AbortSignal): Promise<void> {
  if (!reading) return;
  signal.throwIfAborted();
  signal.addEventListener("abort", reading.stop, { once: true });
  await reading.done.finally(() => signal.removeEventListener("abort", reading.stop));
  signal.throwIfAborted();
}

/** Without the claim, and before it is known what was to be downloaded, nothing there is ours. */
export async function discardDownload(job: DownloadJob): Promise<void> {
  await endJournal(job);
  const { opened, root, content } = job;
  if (opened?.isOurs && root !== undefined) await opened.sink.discard(root);
  if (opened?.isOurs && content) await forgetProgress(job, content.version);
}

/** Lets go of sink, claim and ports, of each whatever becomes of the others; the working file stays, for the next time. */
export async function closeDownload(job: DownloadJob): Promise<void> {
  const { opened, ports, journal, reading, head, noting } = job;
  head?.stop();
  reading?.stop();
  journal?.stop();
  await Promise.allSettled([reading?.done, noting]);
  await saveJournal(job);
  await Promise.allSettled([opened?.sink.close()]);
  try {
    opened?.release();
  } finally {
    ports.checkpoints.close();
    ports.transport.close();
  }
}

/** What could not be flushed, the next part or the end finds out; or nobody, and it is read the next time. */
export async function saveJournal({ journal }: DownloadJob): Promise<void> {
  await journal?.save().catch(() => undefined);
}

/** Nothing is named any more: the working file gets its name, or goes. */
async function endJournal(job: DownloadJob): Promise<void> {
  const { journal, reading } = job;
  job.journal = undefined;
  reading?.stop();
  journal?.stop();
  await Promise.allSettled([reading?.done, journal?.settled()]);
}
