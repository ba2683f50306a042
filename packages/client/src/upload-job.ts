// What an upload knows while it runs: its source, the upload on the server, the digests of its parts.
import {
  type Algorithm,
  canonicalJson,
  computeRoot,
  decodeUpload,
  encodeHex,
  equalBytes,
  type FileView,
  type Grid,
  HoldfastError,
  partCount,
  type TransferWay,
  toHoldfastError,
  type UploadId,
  type UploadView,
} from "@holdfast/protocol";
import type { Buffers } from "./buffers.ts";
import { type Checkpoint, type CompleteFile, encodeCheckpoint } from "./checkpoint.ts";
import { type DigestTable, isComplete } from "./digest-table.ts";
import type { Direct } from "./direct/knowledge.ts";
import { wayOf } from "./direct/way.ts";
import type { Emitter } from "./events.ts";
import { isTooCoarse } from "./known.ts";
import type { Known } from "./line.ts";
import { parseJson } from "./parse-json.ts";
import type { Ports, Source } from "./ports.ts";
import type { Answer, Finished } from "./state.ts";
import type { UploadOptions } from "./upload.ts";
import type { Wire, WireAnswer } from "./wire.ts";

/** The upload on the server that parts go to. A new one replaces it as a whole, so that a run in flight never mixes two. */
export interface Target {
  readonly id: UploadId;
  readonly url: string;
  readonly grid: Grid;
  readonly digests: DigestTable;
}

export interface Job {
  readonly options: UploadOptions;
  readonly ports: Ports;
  readonly wire: Wire;
  readonly emit: Emitter["emit"];
  readonly buffers: Buffers;
  readonly openSource: () => Promise<Source>;
  /** Names the next create, so that repeating the request makes no second upload. */
  idempotencyKey: string;
  /** What is known from earlier uploads of the line to the server, and of that to the store which its requests lead to. */
  known: Known | undefined;
  knownDirect: Known | undefined;
  opened: Opened | undefined;
  target: Target | undefined;
  /** Of the target's part digests: what was asked for, or what the upload that is gone on with has. */
  algorithm: Algorithm;
  /** What of the source must be compared with a target that comes from a checkpoint; undefined once it was, and for a target of our own. */
  unproven: "sample" | "every part" | undefined;
  /** The checkpoint as it was loaded or saved last. */
  checkpoint: Checkpoint | undefined;
  /** An append ended before its time: the server may still read from it. */
  isAppendBroken: boolean;
  /** Which way parts go; undefined until the server has said what it advises. */
  way: TransferWay | undefined;
  direct: Direct | undefined;
  /** A whole file was sent and the answer never came: it may be there. */
  isUnanswered: boolean;
  /** A whole file in one request was refused as such. */
  isStoreRefused: boolean;
  /** Told that there can be no checkpoint. */
  isWarned: boolean;
  /** Uploads of what the source was before, to be removed from the server. */
  readonly stale: string[];
}

/** What `open` took and `close` gives back. */
export interface Opened {
  readonly server: string;
  readonly source: Source;
  readonly key: string;
  /** Lets go of the claim; undefined where none was needed so far. */
  readonly release: (() => void) | undefined;
  /** Nobody else is at it: there is the claim, there can be none, or none is needed. Before, nothing may be removed. */
  readonly isOurs: boolean;
}

export function openedOf(job: Job): Opened {
  if (job.opened) return job.opened;
  throw new HoldfastError("internal", "the source is not open");
}

export function targetOf(job: Job): Target {
  if (job.target) return job.target;
  throw new HoldfastError("internal", "there is no upload yet");
}

export function uploadUrl(server: string, id: UploadId): string {
  return `${server}/v1/uploads/${id}`;
}

const UTF8 = new TextEncoder();

/** Body and headers of a request that brings JSON. */
export function jsonBody(value: object): {
  readonly body: readonly Uint8Array[];
  readonly headers: Readonly<Record<string, string>>;
} {
  const bytes = UTF8.encode(JSON.stringify(value));
  return { body: [bytes], headers: { "content-type": "application/json" } };
}

/** The upload in an answer. @throws HoldfastError `not_holdfast` where there is none. */
export async function readUpload(answer: WireAnswer): Promise<UploadView> {
  const text = await answer.text();
  try {
    return decodeUpload(parseJson(text));
  } catch (cause) {
    throw new HoldfastError("not_holdfast", "the answer is no upload", {}, cause);
  }
}

/** Without a checkpoint an upload still works; it only cannot be gone on with after a crash. @throws any other error */
export function warnOfCheckpoint(job: Job, error: unknown): void {
  const { code, message } = toHoldfastError(error);
  if (code !== "checkpoint_failed") throw error;
  if (!job.isWarned) job.emit("notice", { code, detail: message });
  job.isWarned = true;
}

/** Removes an upload from the server; one that is gone already is fine. */
export async function removeUpload(
  { wire }: Job,
  url: string,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    await wire.send({ method: "DELETE", url, attempt, signal }, (answer) => answer.text());
  } catch (error) {
    const { code } = toHoldfastError(error);
    if (code !== "upload_not_found" && code !== "upload_ended") throw error;
  }
}

/** What an upload's status means for the transfer. */
export async function answerOf(job: Job, view: UploadView): Promise<Answer> {
  switch (view.state) {
    case "open": {
      const { grid } = targetOf(job);
      const { size, partSize, committed, runPartsMax } = view;
      const isSameGrid = size === grid.size && partSize === grid.partSize;
      if (!isSameGrid || committed.partCount !== partCount(grid) || runPartsMax < 1)
        throw new HoldfastError("not_holdfast", "the answer is about another grid");
      job.way ??= wayOf(job.options, view);
      // Where there is memory for one part only, runs are still of several: single ones are what goes straight to a store.
      const fitting = Math.max(2, Math.floor(job.ports.share.memory() / grid.partSize));
      const runMax = job.way === "direct" ? 1 : Math.min(runPartsMax, fitting);
      const known = knownOf(job, grid);
      const line = known === undefined ? {} : { known };
      return { kind: "open", grid, committed, runPartsMax: runMax, offset: view.offset, ...line };
    }
    case "completing":
      return { kind: "completing" };
    case "complete":
      return { kind: "complete", file: await finish(job, view.file) };
    default: {
      const why = view.error?.detail ?? `the upload is ${view.state}`;
      throw new HoldfastError("upload_ended", why, { state: view.state });
    }
  }
}

/** Of the line that parts go over now. What is too bad for parts is so at this end of it, whichever way they go. */
function knownOf({ way, known, knownDirect }: Job, { partSize }: Grid): Known | undefined {
  if (way !== "direct") return known;
  return knownDirect ?? (known && isTooCoarse(known, partSize) ? known : undefined);
}

/** The root of what was sent, or undefined while a digest is missing. */
export function ownRoot({ target, ports, algorithm }: Job): Uint8Array | undefined {
  if (!target || !isComplete(target.digests)) return undefined;
  const { grid, digests } = target;
  const leaves = { ...grid, algorithm, digests: digests.bytes };
  return computeRoot(ports.digester.sha256, leaves);
}

/** The end of an upload, noted. @throws HoldfastError `root_mismatch` where the file is not what was sent. */
export async function finish(job: Job, file: FileView | undefined): Promise<Finished> {
  if (!file) throw new HoldfastError("not_holdfast", "a complete upload names no file");
  const own = ownRoot(job);
  if (own && !equalBytes(own, file.root)) {
    throw new HoldfastError("root_mismatch", "the file on the server is not what was sent");
  }
  // The checkpoint stays: the same command again has the same result, without sending anything.
  const { server } = openedOf(job);
  const { id, size } = file;
  const root = encodeHex(file.root);
  // Not waited for: without it the upload's own record tells the same, for a day.
  void rememberFile(job, { id, root });
  return { id, url: `${server}/v1/files/${id}`, size, root };
}

async function rememberFile(job: Job, file: CompleteFile): Promise<void> {
  const { checkpoint } = job;
  if (checkpoint && checkpoint.file?.id !== file.id) await keep(job, { ...checkpoint, file });
}

/** Saves the checkpoint; durable when it resolves, or told that there can be none. */
export async function keep(job: Job, checkpoint: Checkpoint): Promise<void> {
  const { checkpoints, digester } = job.ports;
  job.checkpoint = checkpoint;
  try {
    await checkpoints.save(openedOf(job).key, encodeCheckpoint(digester, checkpoint));
  } catch (error) {
    warnOfCheckpoint(job, error);
  }
}

/** What was asked for besides the bytes, in a form to compare. */
export function choicesOf({ name, type, metadata }: UploadOptions): string {
  const texts = metadata && metadata.size > 0 ? { metadata: Object.fromEntries(metadata) } : {};
  const given = {
    ...(name === undefined ? {} : { name }),
    ...(type === undefined ? {} : { type }),
  };
  return canonicalJson({ ...given, ...texts });
}
