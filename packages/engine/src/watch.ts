// watch: how an upload goes on, as long as somebody looks.
import { hasPart, partCount, partSizeAt, type UploadView } from "@holdfast/protocol";
import { type Context, useUpload } from "./context.ts";
import type { Principal } from "./records.ts";
import { viewOf } from "./status.ts";
import { committedCount, type Upload } from "./upload.ts";

/** What a watcher is told. Only what is committed counts. */
export interface UploadNews extends Pick<UploadView, "state" | "offset" | "error" | "file"> {
  /** Number of committed parts. */
  readonly committed: number;
  /** Committed bytes, wherever they lie. */
  readonly bytes: number;
}

/** Milliseconds between two looks: less while something happens, more while nothing does. */
const LOOK_MS = { least: 250, most: 2_000 } as const;
/** After so long without news a watcher is told that there are none, so that it can see whether anybody still listens. */
const QUIET_MS = 15_000;

/**
 * The news of an upload, the present first; undefined where there were none for 15 s. Ends with an end state, or when the server is told to stop.
 *
 * It looks again and again instead of being told: no verb has to know that it is watched, nothing piles up for a watcher that is slow, and rights that were
 * revoked end it at the next look.
 *
 * @param gone Aborted when nobody listens any more: then it ends at once, and nothing of it is left.
 * @throws HoldfastError `upload_not_found`, or what the policy throws
 */
export async function* watch(
  context: Context,
  principal: Principal,
  id: string,
  gone: AbortSignal,
): AsyncGenerator<UploadNews | undefined, void, void> {
  const { clock } = context;
  const look = () =>
    useUpload(context, principal, "write", id, (upload) => newsOf(context, upload));
  let told = await look();
  yield told;
  let toldAt = clock.monotonic();
  let pauseMs: number = LOOK_MS.least;
  while (!context.isDraining && (told.state === "open" || told.state === "completing")) {
    await pauseUntil(clock, pauseMs, gone);
    if (gone.aborted) return;
    const news = await look();
    if (isSame(news, told)) {
      pauseMs = Math.min(pauseMs * 2, LOOK_MS.most);
      if (clock.monotonic() - toldAt < QUIET_MS) continue;
      yield undefined;
    } else {
      pauseMs = LOOK_MS.least;
      told = news;
      yield news;
    }
    toldAt = clock.monotonic();
  }
}

/** Resolves after `ms`, or when nobody listens any more. */
function pauseUntil(clock: Context["clock"], ms: number, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (gone.aborted) return resolve();
    const callOff = clock.after(ms, end);
    function end(): void {
      callOff();
      gone.removeEventListener("abort", end);
      resolve();
    }
    gone.addEventListener("abort", end);
  });
}

async function newsOf(context: Context, upload: Upload): Promise<UploadNews> {
  const { state, offset, error, file } = await viewOf(context, upload);
  return {
    ...{ state, offset, committed: committedCount(upload), bytes: committedBytes(upload) },
    ...(error ? { error } : {}),
    ...(file ? { file } : {}),
  };
}

function committedBytes(upload: Upload): number {
  const { record, committed } = upload;
  const last = partCount(record) - 1;
  const short =
    last >= 0 && hasPart(committed, last) ? record.partSize - partSizeAt(record, last) : 0;
  return committedCount(upload) * record.partSize - short + (record.tail?.size ?? 0);
}

function isSame(a: UploadNews, b: UploadNews): boolean {
  return (
    a.state === b.state &&
    a.bytes === b.bytes &&
    a.offset === b.offset &&
    a.committed === b.committed &&
    a.error?.code === b.error?.code &&
    a.error?.detail === b.error?.detail
  );
}
