// How a download begins: the manifest, and what of its parts is there already.
import {
  countParts,
  createPartSet,
  encodeHex,
  HoldfastError,
  type PartSet,
  partCount,
  RUN_PARTS_MAX,
  toHoldfastError,
} from "@holdfast/protocol";
import { checkpointKey } from "./checkpoint.ts";
import { takeClaim } from "./claim.ts";
import {
  type Content,
  contentOf,
  type DownloadJob,
  finishedOf,
  openedSinkOf,
  type Reading,
  shownOf,
} from "./download-job.ts";
import { createJournal } from "./download-journal.ts";
import { forgetProgress, isFresh, noteProgress } from "./download-note.ts";
import { findParts, readDoubtful } from "./download-resume.ts";
import { askForVersion, findVersion } from "./download-version.ts";
import { checkAnyAddress, checkFileAddress, isFileAddress } from "./file-address.ts";
import { startHead } from "./head-start.ts";
import type { Known } from "./line.ts";
import type { Version } from "./pin.ts";
import { recallLine } from "./recall.ts";
import { requireCopy } from "./require-copy.ts";
import type { Answer } from "./state.ts";
import { verifyParts } from "./verify-parts.ts";
import { checkWanted, requireSha256 } from "./wanted-file.ts";
import type { Call } from "./work.ts";

/** Opens the sink and takes the claim on it. What to go on with, the check finds out. */
export async function openDownload(
  job: DownloadJob,
  { signal }: Call,
): Promise<{ readonly isResumed: boolean; readonly known?: Known }> {
  const { digester } = job.ports;
  const { url: address, token } = job.options;
  const url = isFileAddress(address)
    ? checkFileAddress(address, token !== undefined)
    : checkAnyAddress(address);
  checkWanted(job.options);
  job.ports.transport.prepare?.(url);
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

/** The number of the attempt after the first trouble since something moved on. */
const FIRST_TROUBLE = 2;

type What = Pick<Content, "version" | "pin">;

/** The first time finds out what the file is and reads what is there; later only asks whether it is still the same. */
export async function checkDownload(job: DownloadJob, call: Call): Promise<Answer> {
  if (job.content) {
    // What one connection broke off, the next request asks for under the version's ETag: it says as much as a question, a round trip earlier.
    if (call.attempt !== FIRST_TROUBLE || job.content.pin.kind !== "manifest") {
      await askForVersion(job, call);
    }
    return openAnswer(job);
  }
  await runAhead(job, call);
  const { name, version, pinWith } = await findVersion(job, call);
  const what = { version, pin: pinWith(noPart(version)) };
  const { sink } = openedSinkOf(job);
  job.emit("created", { ...shownOf(job), name, size: version.size, isResumed: false });
  const root = encodeHex(version.root);
  job.root = root;
  if (sink.working === "itself") return checkCopy(job, what, call);
  const existing = await sink.existingSize();
  if (existing !== undefined && (await isThere(job, what, existing, call))) {
    if (what.pin.kind === "manifest") await requireWhole(job, version, "whole", call);
    // Whoever gave the file its name may have died before the working name was gone.
    await sink.discard(root);
    job.content = { ...what, verified: noPart(version), doubtful: noPart(version) };
    await forgetProgress(job, version);
    return { kind: "complete", file: finishedOf(job) };
  }
  if (job.options.resume === false) await sink.discard(root);
  const content = await findParts(job, version, pinWith, await sink.open(root, version.size));
  job.content = content;
  job.journal = createJournal(job, content);
  job.reading = startReading((signal) => readDoubtful(job, content, signal));
  // A hint for later: what is fetched need not wait until it is flushed.
  job.noting = noteProgress(job, version);
  return openAnswer(job);
}

/** Once, and only where nothing can be there already that would be fetched again. */
async function runAhead(job: DownloadJob, { attempt }: Call): Promise<void> {
  const { options, ports, wire } = job;
  const { url } = openedSinkOf(job);
  if (job.head || options.manifest || !isFileAddress(url) || !(await isFresh(job))) return;
  job.head = startHead(wire, ports.clock, { url, attempt });
}

/** Of a sink that is its own working file: what of it is good. */
async function checkCopy(job: DownloadJob, what: What, call: Call): Promise<Answer> {
  const { version } = what;
  const { size } = await openedSinkOf(job).sink.open(encodeHex(version.root), version.size);
  const verified = await verifyParts(job, what, "working", size);
  job.content = { ...what, verified, doubtful: noPart(version) };
  if (isEvery(verified) && size === version.size) {
    await requireWhole(job, version, "working", call);
    return { kind: "complete", file: finishedOf(job) };
  }
  if (!job.options.replace) requireCopy(version, verified, size);
  return openAnswer(job);
}

function requireWhole(
  job: DownloadJob,
  { size }: Version,
  file: "whole" | "working",
  { signal }: Call,
): Promise<void> {
  const { sink } = openedSinkOf(job);
  const toHash = { sink, file, size, isProved: true };
  return requireSha256(toHash, job.options, job.ports.digester, signal);
}

function noPart(version: Version): PartSet {
  return createPartSet(partCount(version));
}

function startReading(read: (signal: AbortSignal) => Promise<void>): Reading {
  const stopping = new AbortController();
  const done = read(stopping.signal);
  done.catch(() => "thrown by whoever waits for it");
  return { done, stop: () => stopping.abort() };
}

/** What is there, and what is left. */
export function openAnswer(job: DownloadJob): Answer {
  const { version, verified } = contentOf(job);
  const { size, partSize } = version;
  const committed = createPartSet(verified.partCount, verified.bits);
  const grid = { size, partSize };
  return { kind: "open", grid, committed, runPartsMax: RUN_PARTS_MAX, offset: undefined };
}

/**
 * Whether the target has exactly the file's bytes already: where no manifest says them, the SHA-256 that is wanted does.
 *
 * @throws HoldfastError `sink_exists` where it has others, or nobody can tell, and may not be replaced
 */
async function isThere(job: DownloadJob, what: What, size: number, call: Call): Promise<boolean> {
  if (size === what.version.size && (await isSame(job, what, call))) return true;
  if (job.options.replace) return false;
  const isUnknown = what.pin.kind === "etag" && job.options.sha256 === undefined;
  const why = isUnknown ? "only --sha256 could tell whether it is that file" : "is another file";
  throw new HoldfastError("sink_exists", `the target exists${isUnknown ? ": " : " and "}${why}`);
}

async function isSame(job: DownloadJob, what: What, call: Call): Promise<boolean> {
  if (what.pin.kind === "manifest") {
    return isEvery(await verifyParts(job, what, "whole", what.version.size));
  }
  if (job.options.sha256 === undefined) return false;
  try {
    await requireWhole(job, what.version, "whole", call);
    return true;
  } catch (error) {
    if (toHoldfastError(error).code === "file_digest_mismatch") return false;
    throw error;
  }
}

/** Whether no part is missing. */
export function isEvery(set: PartSet): boolean {
  return countParts(set) === set.partCount;
}
