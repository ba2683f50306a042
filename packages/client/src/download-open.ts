// How a download begins: the manifest, and what of its parts is there already.
import {
  countParts,
  createPartSet,
  encodeHex,
  HoldfastError,
  type Manifest,
  type PartSet,
  partCount,
  RUN_PARTS_MAX,
  toHoldfastError,
} from "@holdfast/protocol";
import { checkpointKey } from "./checkpoint.ts";
import { takeClaim } from "./claim.ts";
import { fetchManifest } from "./describe.ts";
import {
  contentOf,
  type DownloadJob,
  entityTag,
  finishedOf,
  openedSinkOf,
  type Reading,
} from "./download-job.ts";
import { createJournal } from "./download-journal.ts";
import { forgetProgress, noteProgress } from "./download-note.ts";
import { findParts, readDoubtful } from "./download-resume.ts";
import { checkFileAddress, fileIdOf, plainAddress } from "./file-address.ts";
import type { Known } from "./line.ts";
import { recallLine } from "./recall.ts";
import { requireCopy } from "./require-copy.ts";
import type { Answer } from "./state.ts";
import { verifyParts } from "./verify-parts.ts";
import { checkWanted, requireSha256, requireWanted } from "./wanted-file.ts";
import type { Call } from "./work.ts";

/** Opens the sink and takes the claim on it. What to go on with, the check finds out. */
export async function openDownload(
  job: DownloadJob,
  { signal }: Call,
): Promise<{ readonly isResumed: boolean; readonly known?: Known }> {
  const { digester } = job.ports;
  const url = checkFileAddress(job.options.url, job.options.token !== undefined);
  checkWanted(job.options);
  const sink = await job.openSink();
  const opened = { url, sink, release: () => undefined };
  job.opened = { ...opened, isOurs: false };
  const key = checkpointKey(digester, "download", sink.identity);
  const { whenBusy } = job.options;
  const onBusy = (detail: string) => job.emit("notice", { code: "transfer_busy", detail });
  try {
    const release = await takeClaim(job.ports, key, { whenBusy, signal, onBusy });
    job.opened = { ...opened, release, isOurs: true };
  } catch (error) {
    // Nobody else is kept out then; the download itself needs no checkpoint.
    const { code, message } = toHoldfastError(error);
    if (code !== "checkpoint_failed") throw error;
    job.emit("notice", { code, detail: message });
    job.opened = { ...opened, isOurs: true };
  }
  const known = await recallLine(job.ports, "down", url);
  return { isResumed: true, ...(known ? { known } : {}) };
}

/** The first time fetches the manifest and reads what is there; later only asks whether the file is still the same. */
export async function checkDownload(job: DownloadJob, call: Call): Promise<Answer> {
  if (job.content) {
    await askForFile(job, job.content.manifest, call);
    return openAnswer(job);
  }
  const { url, sink } = openedSinkOf(job);
  const { attempt, signal } = call;
  const manifest =
    job.options.manifest ??
    (await fetchManifest(job.wire, job.ports.digester, { url, attempt, signal }));
  requireWanted(manifest, job.options);
  const told = { id: fileIdOf(url), url: plainAddress(url) };
  job.emit("created", { ...told, size: manifest.size, isResumed: false });
  const root = encodeHex(manifest.root);
  job.root = root;
  if (sink.working === "itself") return checkCopy(job, manifest, call);
  const existing = await sink.existingSize();
  if (existing !== undefined && (await isThere(job, manifest, existing))) {
    await requireWhole(job, manifest, "whole", call);
    // Whoever gave the file its name may have died before the working name was gone.
    await sink.discard(root);
    job.content = { manifest, verified: noPart(manifest), doubtful: noPart(manifest) };
    await forgetProgress(job, manifest);
    return { kind: "complete", file: finishedOf(job) };
  }
  if (job.options.resume === false) await sink.discard(root);
  const content = await findParts(job, manifest, await sink.open(root));
  job.content = content;
  job.journal = createJournal(job, content);
  job.reading = startReading((signal) => readDoubtful(job, content, signal));
  await noteProgress(job, manifest);
  return openAnswer(job);
}

/** Of a sink that is its own working file: what of it is good. */
async function checkCopy(job: DownloadJob, manifest: Manifest, call: Call): Promise<Answer> {
  const { size } = await openedSinkOf(job).sink.open(encodeHex(manifest.root));
  const verified = await verifyParts(job, manifest, "working", size);
  job.content = { manifest, verified, doubtful: noPart(manifest) };
  if (isEvery(verified) && size === manifest.size) {
    await requireWhole(job, manifest, "working", call);
    return { kind: "complete", file: finishedOf(job) };
  }
  if (!job.options.replace) requireCopy(manifest, verified, size);
  return openAnswer(job);
}

function requireWhole(
  job: DownloadJob,
  { size }: Manifest,
  file: "whole" | "working",
  { signal }: Call,
): Promise<void> {
  const { sink } = openedSinkOf(job);
  return requireSha256({ sink, file, size }, job.options, job.ports.digester, signal);
}

function noPart(manifest: Manifest): PartSet {
  return createPartSet(partCount(manifest));
}

function startReading(read: (signal: AbortSignal) => Promise<void>): Reading {
  const stopping = new AbortController();
  const done = read(stopping.signal);
  done.catch(() => "thrown by whoever waits for it");
  return { done, stop: () => stopping.abort() };
}

/** What is there, and what is left. */
export function openAnswer(job: DownloadJob): Answer {
  const { manifest, verified } = contentOf(job);
  const { size, partSize } = manifest;
  const committed = createPartSet(verified.partCount, verified.bits);
  const grid = { size, partSize };
  return { kind: "open", grid, committed, runPartsMax: RUN_PARTS_MAX, offset: undefined };
}

/** @throws HoldfastError `precondition_failed` where there is another version now: the two are never mixed. */
async function askForFile(job: DownloadJob, manifest: Manifest, call: Call): Promise<void> {
  const { url } = openedSinkOf(job);
  const headers = { "if-match": entityTag(manifest) };
  const { attempt, signal } = call;
  await job.wire.send({ method: "HEAD", url, headers, attempt, signal }, (answer) => answer.text());
}

/** Whether the target has exactly the file's bytes already. @throws HoldfastError `sink_exists` where it has others and may not be replaced */
async function isThere(job: DownloadJob, manifest: Manifest, size: number): Promise<boolean> {
  if (size === manifest.size && isEvery(await verifyParts(job, manifest, "whole", size)))
    return true;
  if (job.options.replace) return false;
  throw new HoldfastError("sink_exists", "the target exists and is another file");
}

/** Whether no part is missing. */
export function isEvery(set: PartSet): boolean {
  return countParts(set) === set.partCount;
}
