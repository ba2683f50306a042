// One run on its way as an append: on a very slow line, where each byte counts by itself.

import { APPEND_TYPE, type PartRange, partOffset, runSize } from "@holdfast/protocol";
import { bodyFrom } from "./body.ts";
import { type Piece, readPiece } from "./source-piece.ts";
import { type Job, targetOf } from "./upload-job.ts";
import { digestRun } from "./upload-send.ts";
import type { Call } from "./work.ts";

/** Resolves when everything from `from` to the end of the run is committed. The run is read from its first part's beginning on, whose digest is of all of it. */
export async function appendRun(
  job: Job,
  range: PartRange,
  call: Call & { readonly from: number },
): Promise<void> {
  const target = targetOf(job);
  const size = runSize(target.grid, ...range);
  const room = await job.ports.share.admit(size, call.signal);
  let piece: Piece | undefined;
  try {
    call.onBegin();
    const offset = partOffset(target.grid, range[0]);
    piece = await readPiece(job, offset, size);
    await digestRun(job, target, range, piece.bytes);
    if (piece.digested()) room.freeMemory();
    await job.wire.send(
      {
        method: "PATCH",
        url: target.url,
        headers: {
          "content-type": APPEND_TYPE,
          "upload-offset": String(call.from),
          // Publishing is a step of its own, which compares the root.
          "upload-complete": "?0",
        },
        body: bodyFrom(piece.body, call.from - offset),
        attempt: call.attempt,
        signal: call.signal,
        onConnected: call.onConnected,
        onSent: call.onMoved,
      },
      (answer) => answer.text(),
    );
  } catch (error) {
    job.isAppendBroken = true;
    throw error;
  } finally {
    piece?.giveBack();
    room.leave();
  }
}
