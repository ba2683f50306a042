// What the server has of an upload: asked again and again, and the first time after a checkpoint the source is compared with it.
import {
  addPart,
  countParts,
  createPartSet,
  encodeHex,
  HoldfastError,
  hasPart,
  type PartSet,
  partCount,
  toHoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import type { CompleteFile } from "./checkpoint.ts";
import { fetchManifest } from "./describe.ts";
import { digestAt, noteDigest, noteOwn } from "./digest-table.ts";
import { boundParts, reclaimParts, unansweredParts } from "./direct/reclaim.ts";
import { showsChanges } from "./ports.ts";
import { parseHttpDate } from "./retry-after.ts";
import { indexesOf, sampleParts } from "./sample.ts";
import type { Answer, Had } from "./state.ts";
import {
  answerOf,
  type Job,
  keep,
  openedOf,
  readUpload,
  type Target,
  targetOf,
} from "./upload-job.ts";
import { readPart } from "./upload-send.ts";
import { tellCreated } from "./upload-target.ts";
import type { Call } from "./work.ts";

/** The upload is of other bytes than the source has: nobody goes on with it. */
export function otherSource(job: Job, { url }: Target): Answer {
  job.stale.push(url);
  job.target = undefined;
  return { kind: "unusable" };
}

/** Asks for the status; the first time after a checkpoint, the source is also compared with what the server has. */
export async function checkUpload(job: Job, call: Call): Promise<Answer> {
  const target = targetOf(job);
  const file = job.checkpoint?.file;
  if (job.unproven && file) return checkFile(job, target, file, call);
  const url = job.unproven ? `${target.url}?digests=1` : target.url;
  const { attempt, signal } = call;
  await endAppend(job, target, call);
  await reclaimParts(job, target, unansweredParts(job), call);
  let now: number | undefined;
  const ask = () =>
    job.wire.send({ method: "GET", url, attempt, signal }, (answer) => {
      now = parseHttpDate(answer.header("date") ?? "");
      return readUpload(answer);
    });
  const first = await ask();
  const bound = first.state === "open" && job.unproven ? boundParts(first) : [];
  await reclaimParts(job, target, bound, call);
  const view = bound.length > 0 ? await ask() : first;
  job.algorithm = view.digest;
  if (!job.unproven || isOver(view)) return answerOf(job, view);
  if (!(await isSameSource(job, target, view, signal))) return otherSource(job, target);
  await keepTouched(job);
  job.unproven = undefined;
  // Our own clock may be wrong by years: where the server's is not told, nothing is.
  const leftMs = now === undefined ? undefined : Math.max(0, view.expiresAt - now);
  tellCreated(job, true, view.state === "open" ? leftMs : undefined);
  return answerOf(job, view);
}

/** What has arrived by now. An append on its way is not ended. */
export async function askUpload(job: Job, { attempt, signal }: Call): Promise<Had | undefined> {
  // What is in the store, the server knows once it is confirmed.
  if (job.way === "direct") return undefined;
  const { url } = targetOf(job);
  const view = await job.wire.send({ method: "GET", url, attempt, signal }, readUpload);
  return view.state === "open" ? { committed: view.committed, offset: view.offset } : undefined;
}

/** Ends an append that the server may still be reading, so that what came of it is committed and the offset stands. */
async function endAppend(job: Job, { url }: Target, { attempt, signal }: Call): Promise<void> {
  if (!job.isAppendBroken) return;
  await job.wire.send({ method: "HEAD", url, attempt, signal }, (answer) => answer.text());
  job.isAppendBroken = false;
}

/**
 * An upload that was complete the last time: the file is asked for, which outlives the upload's record.
 *
 * @throws HoldfastError `upload_not_found` where it was removed: a new upload begins
 */
async function checkFile(
  job: Job,
  target: Target,
  { id, root }: CompleteFile,
  { attempt, signal }: Call,
): Promise<Answer> {
  const { server } = openedOf(job);
  const url = `${server}/v1/files/${id}`;
  const asked = { url, attempt, signal };
  const manifest = await fetchManifest(job.wire, job.ports.digester, asked, "sound").catch(
    (error: unknown) => {
      const { code } = toHoldfastError(error);
      // Whoever has its bytes brings them again: they mend what is stored.
      const isBad = code === "part_damaged";
      if (code !== "file_not_found" && !isBad) throw error;
      const message = `the file that it became is ${isBad ? "damaged where it is stored" : "gone"}`;
      throw new HoldfastError("upload_not_found", message, {}, error);
    },
  );
  const { size, partSize, digests, algorithm } = manifest;
  job.algorithm = algorithm;
  const committed = fullPartSet(partCount(manifest));
  const shown = { size, partSize, digests, committed };
  if (encodeHex(manifest.root) !== root || !(await isSameSource(job, target, shown, signal))) {
    job.target = undefined;
    return { kind: "unusable" };
  }
  await keepTouched(job);
  job.unproven = undefined;
  tellCreated(job, true);
  return { kind: "complete", file: { id, url, size, root } };
}

/** With the fingerprint as it is now, the next time need not look at every part again. */
async function keepTouched(job: Job): Promise<void> {
  const { checkpoint, unproven } = job;
  if (unproven !== "every part" || !checkpoint) return;
  await keep(job, { ...checkpoint, fingerprint: openedOf(job).source.fingerprint });
}

function fullPartSet(count: number): PartSet {
  const set = createPartSet(count);
  for (let index = 0; index < count; index++) addPart(set, index);
  return set;
}

/** Ended without a file: there is nothing to compare. */
function isOver({ state }: UploadView): boolean {
  return state === "failed" || state === "aborted" || state === "expired";
}

/**
 * Whether the source still has the bytes that the server committed: some of the parts, or all, are read again and compared.
 * Size and time of change were compared before; they alone are never trusted. Where nothing else would show a change, the parts that are passed over here are
 * compared before the upload is completed; where nothing is left to be sent, at once.
 */
async function isSameSource(
  job: Job,
  { grid, digests }: Target,
  view: Pick<UploadView, "size" | "partSize" | "committed" | "digests">,
  signal: AbortSignal,
): Promise<boolean> {
  if (view.size !== grid.size || view.partSize !== grid.partSize || !view.digests) return false;
  if (view.digests.length !== digests.bytes.length) return false;
  for (const index of indexesOf(view.committed)) {
    noteDigest(digests, index, digestAt(view.digests, index));
  }
  const isEnough =
    job.unproven === "sample" &&
    (showsChanges(openedOf(job).source.fingerprint) || !isWhole(view.committed));
  const compared = isEnough
    ? sampleParts(view.committed, job.ports.random)
    : indexesOf(view.committed);
  return hasParts(job, compared, signal);
}

function isWhole(committed: PartSet): boolean {
  return countParts(committed) === committed.partCount;
}

/** Whether the source has these parts as their digests say. */
async function hasParts(
  job: Job,
  indexes: Iterable<number>,
  signal: AbortSignal,
): Promise<boolean> {
  const { grid, digests } = targetOf(job);
  for (const index of indexes) {
    signal.throwIfAborted();
    if (!noteOwn(digests, index, await readPart(job, grid, index))) return false;
  }
  return true;
}

/** Whether the source has what others, or an earlier run of ours, have sent of it, as far as that is not known yet. */
export async function hasAllParts(job: Job, signal: AbortSignal): Promise<boolean> {
  if (showsChanges(openedOf(job).source.fingerprint)) return true;
  const { known, own } = targetOf(job).digests;
  const unread = [...indexesOf(known)].filter((index) => !hasPart(own, index));
  return hasParts(job, unread, signal);
}
