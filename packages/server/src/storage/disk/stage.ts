// What the disk storage knows of each upload it writes: state, writes under way, what a flush has covered.
import { HoldfastError, isUploadId, type UploadId } from "@holdfast/protocol";
import { createDescriptors, type Descriptors, type Opening } from "./descriptors.ts";
import type { Caching, Fs } from "./fs.ts";
import { withNames } from "./names.ts";

export interface Stage {
  readonly fs: Fs;
  readonly directory: string;
  /** How the bytes of unsealed uploads are written and read. */
  readonly caching: Caching;
  readonly descriptors: Descriptors;
  /** Uploads written by this process and not sealed or removed since. */
  readonly uploads: Map<UploadId, StagedUpload>;
}

export type StageState =
  /** Takes writes. */
  | { readonly kind: "open" }
  /** A seal, reset or removal is under way: no new writes. */
  | { readonly kind: "closing"; readonly closed: Promise<void> }
  /** After an I/O error: neither writes nor flushes before a reset. */
  | { readonly kind: "poisoned"; readonly error: HoldfastError };

/** What one that waits is told: it may write now, or somebody has taken it along. */
export type Turn = "now" | "over";

/** A write that was asked for. */
export interface QueuedWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly turn: PromiseWithResolvers<Turn>;
}

export interface StagedUpload {
  readonly opening: Opening;
  state: StageState;
  /** The write under way and, behind it, those that wait for their turn; and who waits for the last of them. */
  readonly queue: QueuedWrite[];
  readonly onWritten: (() => void)[];
  /** Writes that have resolved, and how many of those a flush has covered. */
  written: number;
  flushed: number;
  /** True once the directory entry is known to survive power loss. */
  isNamed: boolean;
  flush: FlushState;
  /** Keeps the descriptor that wrote: only the one that saw the writes is told of a failed write-back. */
  release: (() => void) | undefined;
}

export type FlushState =
  | { readonly kind: "none" }
  /** `covers` is the number of writes it makes durable; none is fixed yet while it waits for its turn. */
  | {
      readonly kind: "running";
      covers?: number;
      readonly done: Promise<void>;
      next?: PromiseWithResolvers<void>;
    };

export function createStage(parts: {
  readonly fs: Fs;
  readonly directory: string;
  readonly caching: Caching;
  readonly openMax: number;
  readonly onCrowded: () => void;
}): Stage {
  const { fs, directory, caching, openMax, onCrowded } = parts;
  const descriptors = createDescriptors(withNames(fs), openMax, onCrowded);
  return { fs, directory, caching, descriptors, uploads: new Map() };
}

export function bytesPath(stage: Stage, id: UploadId): string {
  return `${stage.directory}/${requireId(id)}.bytes`;
}

export function manifestPath(stage: Stage, id: UploadId): string {
  return `${stage.directory}/${requireId(id)}.manifest`;
}

/** Nothing but an upload's id may become part of a path; who passes anything else has skipped the codec. */
export function requireId(id: UploadId): UploadId {
  if (!isUploadId(id)) throw new HoldfastError("internal", "not an upload's id");
  return id;
}

export function stagedUpload(stage: Stage, id: UploadId): StagedUpload {
  const known = stage.uploads.get(id);
  if (known) return known;
  const fresh: StagedUpload = {
    opening: { path: bytesPath(stage, id), access: "create", caching: stage.caching },
    state: { kind: "open" },
    queue: [],
    onWritten: [],
    written: 0,
    flushed: 0,
    isNamed: false,
    flush: { kind: "none" },
    release: undefined,
  };
  stage.uploads.set(id, fresh);
  return fresh;
}

/** @throws HoldfastError `upload_not_open` while it is being closed, `storage_failed` after an I/O error until `reset`. */
export function requireOpen(upload: StagedUpload): void {
  if (upload.state.kind === "closing") throw new HoldfastError("upload_not_open");
  requireUnharmed(upload);
}

/** @throws HoldfastError `storage_failed` after an I/O error until `reset`. */
export function requireUnharmed({ state }: StagedUpload): void {
  if (state.kind === "poisoned") throw poisonedError(state.error);
}

export function poison(upload: StagedUpload, error: HoldfastError): void {
  if (upload.state.kind !== "poisoned") upload.state = { kind: "poisoned", error };
}

/** Lets go of the descriptor that wrote: everything is flushed, or is given up. */
export function releaseWriter(upload: StagedUpload): void {
  upload.release?.();
  upload.release = undefined;
}

export function poisonedError(first: HoldfastError): HoldfastError {
  const message = "an earlier write or flush of this upload failed; it is to be reset first";
  return new HoldfastError("storage_failed", message, {}, first);
}

/** Counts a write that has resolved, and keeps its descriptor until a flush has covered it. */
export function noteWritten(stage: Stage, upload: StagedUpload): void {
  upload.written++;
  upload.release ??= stage.descriptors.lend(upload.opening).end;
}

/** Resolves when no write and no flush of the upload is under way. */
export async function settled(upload: StagedUpload): Promise<void> {
  if (upload.queue.length > 0) {
    await new Promise<void>((resolve) => {
      upload.onWritten.push(resolve);
    });
  }
  // Who asked for a flush hears how it went; here only its end counts.
  while (upload.flush.kind === "running") await upload.flush.done.catch(() => undefined);
}
