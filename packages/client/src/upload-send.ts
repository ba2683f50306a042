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
import { type Piece, readPiece } from "./source-piece.ts";
import { type Job, type Target, targetOf } from "./upload-job.ts";
import type { Call } from "./work.ts";

/** Resolves when the server has committed all parts of the run. Memory is lent until the request has let go of it, or never needed it. */
export async function sendRun(job: Job, range: PartRange, call: Call): Promise<void> {
  const target = targetOf(job);
  const size = runSize(target.grid, ...range);
  const room = await job.ports.share.admit(size, call.signal);
  let piece: Piece | undefined;
  try {
    call.onBegin();
    piece = await readPiece(job, partOffset(target.grid, range[0]), size);
    const digests = await digestRun(job, target, range, piece.bytes);
    if (piece.digested()) room.freeMemory();
    const [name, value] = encodeRunDigests(job.algorithm, digests);
    await job.wire.send(
      {
        method: "PUT",
        url: `${target.url}/parts/${encodeRunPath(range)}`,
        headers: { "content-type": "application/octet-stream", [name]: value },
        body: piece.body,
        attempt: call.attempt,
        signal: call.signal,
        onConnected: call.onConnected,
        onSent: call.onMoved,
      },
      (answer) => answer.text(),
    );
  } finally {
    piece?.giveBack();
    room.leave();
  }
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
  const piece = await readPiece(job, partOffset(grid, index), partSizeAt(grid, index));
  try {
    return await job.ports.digester.digest(piece.bytes, job.algorithm);
  } finally {
    piece.giveBack();
  }
}
