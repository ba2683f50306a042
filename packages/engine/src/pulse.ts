// The pulse of an upload that is followed: one look at it for all who wait for what comes.
import type { Context } from "./context.ts";
import { refresh } from "./refresh.ts";
import { RIGHTS_MS } from "./rights.ts";
import { committedCount, type Upload } from "./upload.ts";

/** Milliseconds between two looks: what is committed is told well within a second. */
const LOOK_MS = { alone: 100, shared: 200 } as const;

export interface Pulse {
  /** Each one hears once. */
  readonly waiting: Set<Waiting>;
  /** What was seen by the first of those who wait, or before. */
  readonly seen: string;
  /** Calls the next look off. */
  callOff: () => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * Resolves when something of the upload has changed since the call, or nobody waits any more (`gone`); and where nothing comes for so long that whoever waits has to be asked whether it still may.
 *
 * It looks instead of being told, as `watch` does: no verb has to know that it is followed. However many wait, it is one timer, and where servers share the record one reading of it.
 * @throws HoldfastError `upload_not_found`, or what the metadata store throws
 */
export async function changed(context: Context, upload: Upload, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const own: Waiting = { resolve, reject };
  const pulse = upload.pulse ?? begin(context, upload);
  pulse.waiting.add(own);
  const leave = (): void => resolve();
  gone.addEventListener("abort", leave);
  try {
    await promise;
  } finally {
    gone.removeEventListener("abort", leave);
    pulse.waiting.delete(own);
    if (pulse.waiting.size === 0) stop(upload, pulse);
  }
}

/** Who waits again begins another one, with what has been seen by then. */
function stop(upload: Upload, pulse: Pulse): void {
  pulse.callOff();
  if (upload.pulse === pulse) delete upload.pulse;
}

function begin(context: Context, upload: Upload): Pulse {
  const seen = stateOf(context, upload);
  const askAt = context.clock.monotonic() + RIGHTS_MS;
  const pulse: Pulse = { waiting: new Set(), seen, callOff: () => undefined };
  upload.pulse = pulse;
  const lookMs = context.host === undefined ? LOOK_MS.alone : LOOK_MS.shared;
  const next = (): void => {
    pulse.callOff = context.clock.after(lookMs, () => void look());
  };
  async function look(): Promise<void> {
    try {
      if (context.host !== undefined) await refresh(context, upload);
    } catch (cause) {
      return end(({ reject }) => reject(cause));
    }
    const isTime = context.clock.monotonic() >= askAt;
    if (isTime || stateOf(context, upload) !== pulse.seen) return end(({ resolve }) => resolve());
    // All may have left while the record was read.
    if (upload.pulse === pulse) next();
  }
  function end(tell: (waiting: Waiting) => void): void {
    stop(upload, pulse);
    for (const waiting of pulse.waiting) tell(waiting);
  }
  next();
  return pulse;
}

/** All that a follower waits for. */
function stateOf({ isDraining }: Context, upload: Upload): string {
  const { state, epoch, tail, hasSize } = upload.record;
  const isHealing = upload.healing !== undefined;
  const tailEnd = tail ? [tail.index, tail.size] : [];
  return [state, epoch, hasSize, isHealing, isDraining, committedCount(upload), ...tailEnd].join(
    " ",
  );
}
