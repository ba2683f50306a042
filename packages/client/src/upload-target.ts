// The upload on the server that a transfer has found or made: what is known of it, what is kept of it, what is told of it.
import { HoldfastError, partCount, type UploadId } from "@holdfast/protocol";
import type { Checkpoint } from "./checkpoint.ts";
import { createDigestTable } from "./digest-table.ts";
import { choicesOf, type Job, openedOf, type Target, targetOf, uploadUrl } from "./upload-job.ts";

export function newTarget(server: string, id: UploadId, grid: Target["grid"]): Target {
  return { id, url: uploadUrl(server, id), grid, digests: createDigestTable(partCount(grid)) };
}

/** `expiresInMs` is undefined of one that is complete. */
export function tellCreated(job: Job, isResumed: boolean, expiresInMs?: number): void {
  const { id, url, grid } = targetOf(job);
  const ending = expiresInMs === undefined ? {} : { expiresInMs };
  job.emit("created", { id, url, size: grid.size, isResumed, ...ending });
}

/** What must be remembered to go on with it. `createdAt` by the server's clock. */
export function checkpointOf(job: Job, createdAt: number): Checkpoint {
  const { server, source } = openedOf(job);
  const { id: uploadId, grid } = targetOf(job);
  const { fingerprint, identity } = source;
  const { sha256, verify } = job.options;
  const choices = choicesOf(job.options);
  const about = { server, source: identity, choices, uploadId, fingerprint };
  const proof = {
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(verify === undefined ? {} : { verify }),
  };
  return { ...about, ...proof, partSize: grid.partSize, createdAt };
}

export function requireSize(job: Job, { size }: { readonly size: number }): void {
  if (size !== openedOf(job).source.fingerprint.size) throw otherUpload();
}

export function otherUpload(): HoldfastError {
  const why = "the answer is another upload than the one asked for";
  return new HoldfastError("not_holdfast", why);
}
