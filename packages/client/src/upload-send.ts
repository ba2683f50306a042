// One run on its way: read once, digested and sent from the same memory.
import {
  encodeRunDigests,
  encodeRunPath,
  type Grid,
  HoldfastError,
  type PartRange,
  partOffset,
  partSizeAt,
  runSize,
} from "@holdfast/protocol";
import { noteOwn } from "./digest-table.ts";
import { type Job, openedOf, type Target, targetOf } from "./upload-job.ts";
import type { Call } from "./work.ts";

/** Resolves when the server has committed all parts of the run. The buffer is lent until the request has let go of it. */
export async function sendRun(job: Job, range: PartRange, call: Call): Promise<void> {
  const target = targetOf(job);
  const size = runSize(target.grid, ...range);
  const leave = await job.ports.share.admit(size, call.signal);
  call.onBegin();
  const bytes = job.buffers.take(size);
  try {
    await readSource(job, partOffset(target.grid, range[0]), bytes);
    const digests = await digestRun(job, target, range, bytes);
    const [name, value] = encodeRunDigests(job.algorithm, digests);
    await job.wire.send(
      {
        method: "PUT",
        url: `${target.url}/parts/${encodeRunPath(range)}`,
        headers: { "content-type": "application/octet-stream", [name]: value },
        body: [bytes],
        attempt: call.attempt,
        signal: call.signal,
        onConnected: call.onConnected,
        onSent: call.onMoved,
      },
      (answer) => answer.text(),
    );
  } finally {
    job.buffers.give(bytes);
    leave();
  }
}

/** Reads from the source as it was when it was opened. @throws HoldfastError `source_changed`, `source_unreadable` */
export async function readSource(job: Job, offset: number, into: Uint8Array): Promise<void> {
  const { source } = openedOf(job);
  await source.read(offset, into);
  if (await source.isChanged()) throw new HoldfastError("source_changed");
}

/** The digests of a run's parts, noted. @throws HoldfastError `source_changed` */
export async function digestRun(
  { ports, algorithm }: Job,
  { grid, digests: known }: Target,
  [start, end]: PartRange,
  bytes: Uint8Array,
): Promise<readonly Uint8Array[]> {
  const digests: Uint8Array[] = [];
  for (let index = start; index < end; index++) {
    const at = (index - start) * grid.partSize;
    const part = bytes.subarray(at, at + partSizeAt(grid, index));
    const digest = await ports.digester.digest(part, algorithm);
    // A part that reads differently from before, with size and time as they were, was changed all the same.
    if (!noteOwn(known, index, digest)) throw new HoldfastError("source_changed");
    digests.push(digest);
  }
  return digests;
}

/** Digest of one part as the source has it now. */
export async function readPart(job: Job, grid: Grid, index: number): Promise<Uint8Array> {
  const bytes = job.buffers.take(partSizeAt(grid, index));
  try {
    await readSource(job, partOffset(grid, index), bytes);
    return await job.ports.digester.digest(bytes, job.algorithm);
  } finally {
    job.buffers.give(bytes);
  }
}
