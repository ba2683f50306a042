// One run on its way as an append: on a very slow line, where each byte counts by itself.
import { APPEND_TYPE, type PartRange, partOffset, runSize } from "@holdfast/protocol";
import { type Job, targetOf } from "./upload-job.ts";
import { digestRun, readSource } from "./upload-send.ts";
import type { Call } from "./work.ts";

/** Resolves when everything from `from` to the end of the run is committed. The run is read from its first part's beginning on, whose digest is of all of it. */
export async function appendRun(
  job: Job,
  range: PartRange,
  call: Call & { readonly from: number },
): Promise<void> {
  const target = targetOf(job);
  const size = runSize(target.grid, ...range);
  const leave = await job.ports.share.admit(size, call.signal);
  call.onBegin();
  const bytes = job.buffers.take(size);
  try {
    const offset = partOffset(target.grid, range[0]);
    await readSource(job, offset, bytes);
    await digestRun(job, target, range, bytes);
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
        body: [bytes.subarray(call.from - offset)],
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
    job.buffers.give(bytes);
    leave();
  }
}
