// Group flush: one at a time a file, two over all files, each covering all that was written when it began.
import { HoldfastError } from "@holdfast/protocol";
import { storageError } from "./failure.ts";
import type { OpenFile } from "./fs.ts";
import { createLimit, type Limit } from "./limit.ts";
import { makeAnew } from "./names.ts";
import { poison, poisonedError, releaseWriter, type Stage, type StagedUpload } from "./stage.ts";

/** Half of libuv's pool of four threads: the other half goes on writing and reading while a slow disk flushes. */
const FLUSHES_MAX = 2;

export interface Sync {
  /** As `Storage.flush`. */
  flush(upload: StagedUpload): Promise<void>;
  /** Flushes a file that no group flush knows of. */
  flushFile(file: OpenFile): Promise<void>;
  /** Runs a write to a file that is opened `create-synced`, in the turn of a flush: it is one. */
  writeSynced(write: () => Promise<void>): Promise<void>;
  /** Resolves when the directory's names of before the call are durable; calls share flushes. */
  flushDirectory(): Promise<void>;
  /** @throws HoldfastError `storage_failed` once a flush of the directory has failed: no name can be made durable until the next start. */
  requireNames(): void;
}

export function createSync(stage: Stage): Sync {
  const limit = createLimit(FLUSHES_MAX);
  const { flushDirectory, requireNames } = createDirectoryFlush(stage, limit);

  const start = (upload: StagedUpload): Promise<void> => {
    if (upload.state.kind === "poisoned") return Promise.reject(poisonedError(upload.state.error));
    // The state must be there before the flush begins: it begins in the next microtask.
    const done = Promise.resolve()
      .then(() => flushUpload(upload))
      .finally(() => {
        const next = upload.flush.kind === "running" ? upload.flush.next : undefined;
        upload.flush = { kind: "none" };
        if (next) start(upload).then(next.resolve, next.reject);
      });
    upload.flush = { kind: "running", done };
    return done;
  };

  const flushUpload = async (upload: StagedUpload): Promise<void> => {
    try {
      const covered = await limit.run(() => flushWritten(stage, upload));
      if (!upload.isNamed) await flushDirectory();
      upload.isNamed = true;
      upload.flushed = covered;
      if (covered === upload.written) releaseWriter(upload);
    } catch (error) {
      const failure = storageError(error, "flushing");
      poison(upload, failure);
      throw failure;
    }
  };

  return {
    flush(upload) {
      const { state, flush, written } = upload;
      if (state.kind === "poisoned") return Promise.reject(poisonedError(state.error));
      if (upload.flushed === written) return Promise.resolve();
      if (flush.kind === "none") return start(upload);
      // One that has not begun, or began after the last write, covers this call too.
      if ((flush.covers ?? written) === written) return flush.done;
      flush.next ??= Promise.withResolvers();
      return flush.next.promise;
    },
    flushFile: (file) => limit.run(() => file.fdatasync()),
    writeSynced: limit.run,
    flushDirectory,
    requireNames,
  };
}

/** Resolves with the number of writes that are durable now. */
function flushWritten(stage: Stage, upload: StagedUpload): Promise<number> {
  return stage.descriptors.use(upload.opening, async (file) => {
    const covers = upload.written;
    if (upload.flush.kind === "running") upload.flush.covers = covers;
    await file.fdatasync();
    if (!upload.isNamed && !file.isNew) await makeAnew(stage.fs, upload.opening.path);
    return covers;
  });
}

function createDirectoryFlush(
  stage: Stage,
  limit: Limit,
): Pick<Sync, "flushDirectory" | "requireNames"> {
  let waiting: Promise<void> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let failed: Promise<void> | undefined;

  function flushDirectory(): Promise<void> {
    // A flush that failed has forgotten the names it was for: a second one would succeed and prove nothing.
    if (failed) return failed;
    // Who comes before the next flush begins shares it; one under way may have begun before the caller's name was made.
    waiting ??= last.then(() => {
      // Some of the names that this one is for were there before the one under way had begun: that one may have lost them.
      if (failed) return failed;
      return limit.run(() => {
        waiting = undefined;
        return stage.fs.fsyncDir(stage.directory);
      });
    });
    const mine = waiting;
    last = mine.catch(() => {
      failed ??= mine;
    });
    return mine;
  }

  return {
    flushDirectory,
    requireNames() {
      if (!failed) return;
      const why = "a flush of the directory failed: nothing new can be kept until the next start";
      throw new HoldfastError("storage_failed", why);
    },
  };
}
