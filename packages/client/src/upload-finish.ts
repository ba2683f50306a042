// How an upload ends: completed, or removed.
import { encodeComplete, HoldfastError } from "@holdfast/protocol";
import { digestAt, isComplete, noteDigest } from "./digest-table.ts";
import { indexesOf } from "./sample.ts";
import type { Answer } from "./state.ts";
import { hasAllParts, otherSource } from "./upload-check.ts";
import {
  answerOf,
  type Job,
  jsonBody,
  openedOf,
  ownRoot,
  readUpload,
  removeUpload,
  targetOf,
} from "./upload-job.ts";
import type { Call } from "./work.ts";

/** Publishes the file, if the source is still what was sent. The server compares the root with what it has, then we compare its answer with ours. */
export async function completeUpload(job: Job, call: Call): Promise<Answer> {
  const { source } = openedOf(job);
  const { url, grid } = targetOf(job);
  if (await source.isChanged()) throw new HoldfastError("source_changed");
  await learnDigests(job, call);
  if (!(await hasAllParts(job, call.signal))) return otherSource(job, targetOf(job));
  const root = ownRoot(job);
  const { body, headers } = jsonBody(
    encodeComplete({ size: grid.size, ...(root ? { root } : {}) }),
  );
  const { attempt, signal } = call;
  const view = await job.wire.send(
    { method: "POST", url: `${url}/complete`, headers, body, attempt, signal },
    readUpload,
  );
  const answer = await answerOf(job, view);
  // It was completed and opened again, because something stored was found bad: its status says what.
  if (answer.kind === "open") throw new HoldfastError("parts_missing", view.error?.detail);
  return answer;
}

/** Digests of parts that somebody else committed to the same upload. */
async function learnDigests(job: Job, { attempt, signal }: Call): Promise<void> {
  const { url, digests } = targetOf(job);
  if (isComplete(digests)) return;
  const asked = { method: "GET", url: `${url}?digests=1`, attempt, signal } as const;
  const view = await job.wire.send(asked, readUpload);
  if (view.digests?.length !== digests.bytes.length) return;
  for (const index of indexesOf(view.committed)) {
    noteDigest(digests, index, digestAt(view.digests, index));
  }
}

/** Removes the upload from the server, as far as that can be done now (else it expires), and forgets it. */
export async function discardUpload(job: Job, { attempt, signal }: Call): Promise<void> {
  const { opened, target } = job;
  if (!opened?.isOurs) return;
  try {
    if (target) await removeUpload(job, target.url, attempt, signal);
    else if (job.isUnanswered)
      throw new HoldfastError("upload_not_open", "it may be a file already");
  } finally {
    await job.ports.checkpoints.remove(opened.key);
  }
}

/** Lets go of source, claim and ports, of each whatever becomes of the others. */
export async function closeUpload({ opened, ports, direct }: Job): Promise<void> {
  await direct?.signer.end();
  await Promise.allSettled([opened?.source.close()]);
  try {
    opened?.release?.();
  } finally {
    ports.checkpoints.close();
    ports.transport.close();
  }
}
