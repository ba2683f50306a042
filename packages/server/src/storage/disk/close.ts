// How an upload's files are let go: sealed, reset after an I/O error, removed.
import { HoldfastError, type UploadId } from "@holdfast/protocol";
import { storageError, unlessMissing } from "./failure.ts";
import { makeAnew } from "./names.ts";
import {
  bytesPath,
  manifestPath,
  poison,
  poisonedError,
  releaseWriter,
  type Stage,
  type StagedUpload,
  type StageState,
  settled,
  stagedUpload,
} from "./stage.ts";
import type { Sync } from "./sync.ts";

/** As `Storage.seal`. */
export function seal(stage: Stage, sync: Sync, id: UploadId, size: number): Promise<void> {
  return exclusively(stage, id, async (upload, before) => {
    try {
      if (upload.state.kind === "poisoned") throw poisonedError(upload.state.error);
      await cutAndFlush(stage, sync, upload, size);
      await requireNamed(stage, id, size);
      stage.uploads.delete(id);
    } catch (error) {
      const failure = storageError(error, "sealing");
      reopenAfter(upload, before, failure);
      throw failure;
    }
  });
}

/** As `Storage.reset`. What the next use finds is what the disk has. */
export function reset(stage: Stage, id: UploadId): Promise<void> {
  return exclusively(stage, id, async (upload) => {
    releaseWriter(upload);
    stage.uploads.delete(id);
    // It stays known as unsealed: a file written with direct I/O is read with it.
    stagedUpload(stage, id);
    await stage.descriptors.close(upload.opening.path).catch(closingFailed);
  });
}

/** As `Storage.remove`: the names go first, durably, before anybody may say that the bytes are gone. */
export function remove(stage: Stage, sync: Sync, id: UploadId): Promise<void> {
  return exclusively(stage, id, async (upload, before) => {
    try {
      releaseWriter(upload);
      await unlessMissing(stage.fs.unlink(bytesPath(stage, id)));
      // After the name, or a read between the two would open the file again and keep its bytes on the disk.
      await stage.descriptors.close(upload.opening.path);
      await unlessMissing(stage.fs.unlink(manifestPath(stage, id)));
      await sync.flushDirectory();
      stage.uploads.delete(id);
    } catch (error) {
      const failure = storageError(error, "removing");
      reopenAfter(upload, before, failure);
      throw failure;
    }
  });
}

/** Runs `task` when nothing else is under way on the upload's bytes; writes that come meanwhile are refused. */
async function exclusively(
  stage: Stage,
  id: UploadId,
  task: (upload: StagedUpload, before: StageState) => Promise<void>,
): Promise<void> {
  let upload = stagedUpload(stage, id);
  while (upload.state.kind === "closing") {
    await upload.state.closed;
    upload = stagedUpload(stage, id);
  }
  const before = upload.state;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  if (before.kind === "open") upload.state = { kind: "closing", closed };
  try {
    await settled(upload);
    await task(upload, before);
  } finally {
    resolve();
  }
}

async function cutAndFlush(
  stage: Stage,
  sync: Sync,
  upload: StagedUpload,
  size: number,
): Promise<void> {
  // Nothing may spring up where bytes should be: only an upload without bytes begins here.
  const access = size === 0 ? "create" : "write";
  await stage.descriptors.use({ ...upload.opening, access }, async (file) => {
    if ((await file.size()) > size) await file.truncate(size);
    await sync.flushFile(file);
    if (!upload.isNamed && !file.isNew) await makeAnew(stage.fs, upload.opening.path);
  });
  if (!upload.isNamed) await sync.flushDirectory();
  releaseWriter(upload);
  await stage.descriptors.close(upload.opening.path);
}

/**
 * Asks by name, with a descriptor of its own: one that has been open all the time outlives its name, and takes writes to a file that somebody has
 * deleted until the last close. Missing bytes show here too; nothing ever makes them up.
 */
async function requireNamed(stage: Stage, id: UploadId, size: number): Promise<void> {
  const file = await stage.fs.open(bytesPath(stage, id), "read", "cached");
  try {
    const stored = await file.size();
    if (stored === size) return;
    const message = `the data file has ${stored} bytes where the upload has ${size}`;
    throw new HoldfastError("storage_failed", message);
  } finally {
    await file.close();
  }
}

/** Where there was no room nothing is harmed, and the upload goes on; after any other failure it is to be reset first. */
function reopenAfter(upload: StagedUpload, before: StageState, failure: HoldfastError): void {
  if (upload.state.kind === "closing") upload.state = before;
  if (failure.code === "storage_failed") poison(upload, failure);
}

function closingFailed(error: unknown): never {
  throw storageError(error, "closing");
}
