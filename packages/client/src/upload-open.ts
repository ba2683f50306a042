// How an upload begins: a new one, or one that a checkpoint tells of.
import {
  addPart,
  createPartSet,
  DIGEST_SIZE,
  decodeHex,
  encodeCreate,
  encodeHex,
  encodeId,
  equalBytes,
  HoldfastError,
  ID_BYTES,
  type PartSet,
  partCount,
  toHoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { checkAddress } from "./auth.ts";
import {
  type Checkpoint,
  type CompleteFile,
  checkpointKey,
  decodeCheckpoint,
} from "./checkpoint.ts";
import { takeClaim } from "./claim.ts";
import { fetchManifest } from "./describe.ts";
import { digestAt, noteDigest } from "./digest-table.ts";
import { directPartSize } from "./direct/way.ts";
import { partSizeFor } from "./known.ts";
import type { Known } from "./line.ts";
import type { Fingerprint } from "./ports.ts";
import { recallUpload } from "./recall.ts";
import { indexesOf, sampleParts } from "./sample.ts";
import type { Answer, Had } from "./state.ts";
import {
  answerOf,
  choicesOf,
  type Job,
  jsonBody,
  keep,
  openedOf,
  readUpload,
  removeUpload,
  type Target,
  targetOf,
  uploadUrl,
  warnOfCheckpoint,
} from "./upload-job.ts";
import { readPart } from "./upload-send.ts";
import { isSmall, storeSmall } from "./upload-small.ts";
import { checkpointOf, newTarget, otherUpload, requireSize, tellCreated } from "./upload-target.ts";
import type { Call } from "./work.ts";

/**
 * Opens the source, takes the claim on it, and looks for a checkpoint. A small file of which there is none needs no claim: it goes in one request, which another
 * process may send as well and gets the same file. Of many thousands, the claims would cost more than the files.
 */
export async function openUpload(
  job: Job,
  { signal }: Call,
): Promise<{ readonly isResumed: boolean; readonly known?: Known }> {
  const { checkpoints, digester } = job.ports;
  const server = checkAddress(job.options.to, job.options.token !== undefined);
  const source = await job.openSource();
  const key = checkpointKey(digester, "upload", server, source.identity);
  const opened = { server, source, key, release: undefined };
  job.opened = { ...opened, isOurs: false };
  try {
    const isFree = isSmall(job) && (await checkpoints.load(key)) === undefined;
    const release = isFree ? undefined : await claim(job, key, signal);
    job.opened = { ...opened, release, isOurs: true };
    const text = isFree ? undefined : await checkpoints.load(key);
    const checkpoint = text === undefined ? undefined : decodeCheckpoint(digester, text);
    if (text !== undefined && !checkpoint) {
      const detail = "what was known of an earlier upload is damaged: a new upload begins";
      job.emit("notice", { code: "checkpoint_damaged", detail });
    }
    job.known = await recallUpload(job.ports, server, source.fingerprint.size);
    const isResumed = goOn(job, checkpoint, source.fingerprint);
    return { isResumed, ...(job.known ? { known: job.known } : {}) };
  } catch (error) {
    warnOfCheckpoint(job, error);
    job.opened = { ...job.opened, release: job.opened.release ?? nothing, isOurs: true };
    return { isResumed: false };
  }
}

function nothing(): void {
  // There can be no claim, so there is none to let go of.
}

/** What could be stored in one request had no claim, and turns out to need an upload after all. */
async function claimLate(job: Job, { signal }: Call): Promise<void> {
  const opened = openedOf(job);
  if (opened.release) return;
  try {
    job.opened = { ...opened, release: await claim(job, opened.key, signal) };
  } catch (error) {
    warnOfCheckpoint(job, error);
    job.opened = { ...opened, release: nothing };
  }
}

function claim(job: Job, key: string, signal: AbortSignal): Promise<() => void> {
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

/** Creates the upload; its checkpoint is durable before this resolves, and so before the first byte is sent. A small file is stored whole, then there is no more to do. */
export async function createUpload(
  job: Job,
  call: Call & { readonly partSizeMax?: number },
): Promise<Answer> {
  const { server, source } = openedOf(job);
  // One whose parts are too large for somebody on the way is of no more use.
  if (call.partSizeMax !== undefined && job.target) job.stale.push(job.target.url);
  job.target = undefined;
  await removeStale(job, call);
  const stored = await storeSmall(job, call);
  if (stored) return stored;
  await claimLate(job, call);
  const { name = source.name, type = "application/octet-stream", metadata } = job.options;
  const asked = job.options.partSize ?? wantedPartSize(job);
  const partSize = call.partSizeMax ?? asked;
  const { digest = "sha-256", verify, transfer } = job.options;
  const sha256 = wantedSha256(job.options);
  const { body, headers } = jsonBody(
    encodeCreate({
      name,
      type,
      size: source.fingerprint.size,
      metadata: metadata ?? new Map(),
      digest,
      ...(sha256 ? { sha256 } : {}),
      ...(verify === undefined ? {} : { verify }),
      ...(transfer === undefined ? {} : { transfer }),
      ...(partSize === undefined ? {} : { partSize }),
    }),
  );
  const view = await job.wire.send(
    {
      method: "POST",
      url: `${server}/v1/uploads`,
      headers: { ...headers, "idempotency-key": `"${job.idempotencyKey}"` },
      body,
      attempt: call.attempt,
      signal: call.signal,
    },
    readUpload,
  );
  requireSize(job, view);
  if (view.digest !== digest) throw otherUpload();
  job.algorithm = digest;
  job.idempotencyKey = encodeId(job.ports.random.bytes(ID_BYTES));
  job.target = newTarget(server, view.id, { size: view.size, partSize: view.partSize });
  job.unproven = undefined;
  await keep(job, checkpointOf(job, view.createdAt));
  tellCreated(job, false);
  return answerOf(job, view);
}

function wantedPartSize({ options: { transfer }, known, opened }: Job): number | undefined {
  const size = opened?.source.fingerprint.size ?? 0;
  const direct = transfer === "direct" ? directPartSize(known, size) : undefined;
  return direct ?? partSizeFor(known, size);
}

/** @throws HoldfastError `usage` */
function wantedSha256({ sha256 }: Job["options"]): Uint8Array | undefined {
  const wanted = sha256 === undefined ? undefined : decodeHex(sha256);
  if (sha256 === undefined || wanted?.length === DIGEST_SIZE) return wanted;
  throw new HoldfastError("usage", "a SHA-256 has 64 lower-case hexadecimal digits");
}

/** Uploads that nobody will go on with; where this fails they expire by themselves. */
async function removeStale(job: Job, { attempt, signal }: Call): Promise<void> {
  for (let url = job.stale.pop(); url !== undefined; url = job.stale.pop()) {
    await Promise.allSettled([removeUpload(job, url, attempt, signal)]);
  }
}

/** Asks for the status; the first time after a checkpoint, the source is also compared with what the server has. */
export async function checkUpload(job: Job, call: Call): Promise<Answer> {
  const target = targetOf(job);
  const file = job.checkpoint?.file;
  if (job.unproven && file) return checkFile(job, target, file, call);
  const url = job.unproven ? `${target.url}?digests=1` : target.url;
  const { attempt, signal } = call;
  await endAppend(job, target, call);
  const view = await job.wire.send({ method: "GET", url, attempt, signal }, readUpload);
  job.algorithm = view.digest;
  if (!job.unproven || isOver(view)) return answerOf(job, view);
  if (!(await isSameSource(job, target, view, signal))) {
    job.stale.push(target.url);
    job.target = undefined;
    return { kind: "unusable" };
  }
  await keepTouched(job);
  job.unproven = undefined;
  tellCreated(job, true);
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
  const manifest = await fetchManifest(job.wire, job.ports.digester, {
    url,
    attempt,
    signal,
  }).catch((error: unknown) => {
    if (toHoldfastError(error).code !== "file_not_found") throw error;
    throw new HoldfastError("upload_not_found", "the file that it became is gone", {}, error);
  });
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
 * Size and time of change were compared before; they alone are never trusted.
 */
async function isSameSource(
  job: Job,
  { grid, digests }: Target,
  view: Pick<UploadView, "size" | "partSize" | "committed" | "digests">,
  signal: AbortSignal,
): Promise<boolean> {
  if (view.size !== grid.size || view.partSize !== grid.partSize || !view.digests) return false;
  if (view.digests.length !== digests.bytes.length) return false;
  const compared =
    job.unproven === "sample"
      ? sampleParts(view.committed, job.ports.random)
      : indexesOf(view.committed);
  for (const index of compared) {
    signal.throwIfAborted();
    if (!equalBytes(await readPart(job, grid, index), digestAt(view.digests, index))) return false;
  }
  for (const index of indexesOf(view.committed)) {
    noteDigest(digests, index, digestAt(view.digests, index));
  }
  return true;
}
