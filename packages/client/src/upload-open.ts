// How an upload begins: a new one, or one that a checkpoint tells of.
import { checkAddress } from "./auth.ts";
import { type Checkpoint, checkpointKey, decodeCheckpoint } from "./checkpoint.ts";
import { takeClaim } from "./claim.ts";
import type { Fingerprint } from "./ports.ts";
import { recallLine, recallUpload } from "./recall.ts";
import { choicesOf, type Job, openedOf, uploadUrl, warnOfCheckpoint } from "./upload-job.ts";
import { isSmall } from "./upload-small.ts";
import { newTarget } from "./upload-target.ts";
import type { Call } from "./work.ts";

/**
 * Opens the source, takes the claim on it, and looks for a checkpoint. A small file of which there is none needs no claim: it goes in one request, which another
 * process may send as well and gets the same file. Of many thousands, the claims would cost more than the files.
 */
export async function openUpload(
  job: Job,
  { signal }: Call,
): Promise<{ readonly isResumed: boolean }> {
  const { checkpoints, digester } = job.ports;
  const server = checkAddress(job.options.to, job.options.token !== undefined);
  const source = await job.openSource();
  const key = checkpointKey(digester, "upload", server, source.identity);
  const opened = { server, source, key, release: undefined };
  job.opened = { ...opened, isOurs: false };
  try {
    const isFree = isSmall(job) && (await checkpoints.load(key)) === undefined;
    const release = isFree ? undefined : await claimSource(job, key, signal);
    job.opened = { ...opened, release, isOurs: true };
    const text = isFree ? undefined : await checkpoints.load(key);
    const checkpoint = text === undefined ? undefined : decodeCheckpoint(digester, text);
    if (text !== undefined && !checkpoint) {
      const detail = "what was known of an earlier upload is damaged: a new upload begins";
      job.emit("notice", { code: "checkpoint_damaged", detail });
    }
    await recallLines(job, server, source.fingerprint);
    // Where others have a part in it, who asks for the first time is told a guess, and the truth by the time that runs are planned.
    job.ports.share.memory();
    return { isResumed: goOn(job, checkpoint, source.fingerprint) };
  } catch (error) {
    warnOfCheckpoint(job, error);
    job.opened = { ...job.opened, release: job.opened.release ?? nothing, isOurs: true };
    return { isResumed: false };
  }
}

/** Which way parts go best, the server says later. A longer body is only tried where it is most likely to be sent. */
async function recallLines(job: Job, server: string, { size }: Fingerprint): Promise<void> {
  const { ports, options } = job;
  if (options.transfer !== "server") job.knownDirect = await recallLine(ports, "direct", server);
  const isThrough = options.transfer !== "direct" && job.knownDirect === undefined;
  job.known = isThrough
    ? await recallUpload(ports, server, size)
    : await recallLine(ports, "up", server);
}

export function nothing(): void {
  // There can be no claim, so there is none to let go of.
}

export function claimSource(job: Job, key: string, signal: AbortSignal): Promise<() => void> {
  const { whenBusy } = job.options;
  const onBusy = (detail: string) => job.emit("notice", { code: "transfer_busy", detail });
  return takeClaim(job.ports, key, { whenBusy, signal, onBusy });
}

/** Takes up the checkpoint's upload; false where there is none, or where its source was another. */
function goOn(job: Job, checkpoint: Checkpoint | undefined, now: Fingerprint): boolean {
  const { server } = openedOf(job);
  if (!checkpoint || checkpoint.server !== server) return false;
  const { uploadId, fingerprint: then, partSize } = checkpoint;
  if (job.options.resume === false) {
    job.stale.push(uploadUrl(server, uploadId));
    return false;
  }
  if (then.size !== now.size || then.mtimeMs !== now.mtimeMs) {
    job.stale.push(uploadUrl(server, uploadId));
    const detail = "the source has changed since its upload began: a new upload begins";
    job.emit("notice", { code: "source_changed", detail });
    return false;
  }
  // The same bytes under another name, or with other metadata, are another file.
  if (checkpoint.choices !== undefined && checkpoint.choices !== choicesOf(job.options)) {
    job.stale.push(uploadUrl(server, uploadId));
    return false;
  }
  if (!isProof(checkpoint, job.options)) {
    job.stale.push(uploadUrl(server, uploadId));
    return false;
  }
  job.checkpoint = checkpoint;
  job.target = newTarget(server, uploadId, { size: now.size, partSize });
  // Something happened to the file that need not have touched its bytes, as a change of rights does: that costs a look at all of them.
  const isTouched = then.ctimeMs !== now.ctimeMs || then.ino !== now.ino;
  job.unproven = isTouched ? "every part" : "sample";
  return true;
}

/** Whether its file stands what is asked for now; asking for less than before is no other upload. */
function isProof(then: Checkpoint, { sha256, verify }: Job["options"]): boolean {
  const isSame = sha256 === undefined || sha256 === then.sha256;
  return isSame && (verify === undefined || verify === then.verify);
}
