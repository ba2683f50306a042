// The pulse of an upload that is followed: one look at it for all who wait for what comes.
import { MIB } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { refresh } from "./refresh.ts";
import { RIGHTS_MS } from "./rights.ts";
import { committedCount, type Upload } from "./upload.ts";

/** Milliseconds between two looks: the least while something happens, and the most once nothing does. What is committed is told well within a second. */
const LOOK_MS = {
  alone: { least: 100, most: 400 },
  /** Each one reads the record. */
  shared: { least: 200, most: 600 },
} as const;
const SLOWER = 1.5;
/**
 * Each one who is woken costs as much as some of the bytes that he is then sent. So of many each is told less often, of more at once: so many milliseconds behind the last look that found nothing, for each
 * who waits. Not where bytes come from afar, which takes a while, too.
 */
const PATIENCE_MS = { each: 6, most: 600 } as const;
/** Bytes that are worth it at any time. */
const MUCH: number = 8 * MIB;

export interface Pulse {
  /** Each one hears once. */
  readonly waiting: Set<Waiting>;
  /** What was seen by the first of those who wait, or before. */
  readonly seen: Seen;
  /** Calls the next look off. */
  callOff: () => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/** All that a follower waits for. */
interface Seen {
  /** Not to be waited with. */
  readonly state: string;
  /** Committed ones, wherever they lie. */
  readonly bytes: number;
}

/** Who waits again and again. */
export interface Waiter {
  /** As is said of `createWaiter`. One at a time. */
  changed(): Promise<void>;
  /** Waits no more. */
  end(): void;
}

/**
 * Resolves when something of the upload has changed since the call, or nobody waits any more (`gone`); and where nothing comes for so long that whoever waits has to be asked whether it still may.
 *
 * It looks instead of being told, as `watch` does: no verb has to know that it is followed. However many wait, it is one timer, and where servers share the record one reading of it.
 * @throws HoldfastError `upload_not_found`, or what the metadata store throws
 */
export function createWaiter(context: Context, upload: Upload, gone: AbortSignal): Waiter {
  let leave = (): void => undefined;
  const onGone = (): void => leave();
  gone.addEventListener("abort", onGone);
  return {
    changed() {
      return new Promise<void>((resolve, reject) => {
        if (gone.aborted) return resolve();
        const pulse = upload.pulse ?? begin(context, upload);
        const waiting = { resolve, reject };
        pulse.waiting.add(waiting);
        leave = () => {
          pulse.waiting.delete(waiting);
          if (pulse.waiting.size === 0) stop(upload, pulse);
          resolve();
        };
      });
    },
    end: () => gone.removeEventListener("abort", onGone),
  };
}

/** Who waits again begins another one, with what has been seen by then. */
function stop(upload: Upload, pulse: Pulse): void {
  pulse.callOff();
  if (upload.pulse === pulse) delete upload.pulse;
}

function begin(context: Context, upload: Upload): Pulse {
  const { clock, host } = context;
  const seen = seenOf(context, upload);
  const { least, most } = host === undefined ? LOOK_MS.alone : LOOK_MS.shared;
  const isNear = host === undefined && context.storage.kind === "regions";
  let lookMs: number = least;
  /** Since the last look that has found nothing: so old may news be. */
  let ageMs = 0;
  const askAt = clock.monotonic() + RIGHTS_MS;
  const pulse: Pulse = { waiting: new Set(), seen, callOff: () => undefined };
  upload.pulse = pulse;
  const next = (spentMs: number): void => {
    const waitMs = Math.max(Math.min(least, lookMs), lookMs - spentMs);
    const since = clock.monotonic();
    pulse.callOff = clock.after(waitMs, () => {
      // A timer may be late.
      ageMs += Math.max(waitMs, clock.monotonic() - since);
      void look();
    });
  };
  async function look(): Promise<void> {
    const lookedAt = clock.monotonic();
    try {
      if (host !== undefined) await refresh(context, upload);
    } catch (cause) {
      return end(({ reject }) => reject(cause));
    }
    const patienceMs = isNear
      ? Math.min(PATIENCE_MS.most, PATIENCE_MS.each * pulse.waiting.size)
      : 0;
    const news = newsIn(seenOf(context, upload), seen);
    const isTime = news === "some" ? ageMs >= patienceMs : news === "urgent";
    if (isTime || clock.monotonic() >= askAt) return end(({ resolve }) => resolve());
    if (news === "none") ageMs = 0;
    lookMs = news === "none" ? Math.min(most, lookMs * SLOWER) : patienceMs - ageMs;
    // All may have left while the record was read.
    if (upload.pulse === pulse) next(clock.monotonic() - lookedAt);
  }
  function end(tell: (waiting: Waiting) => void): void {
    stop(upload, pulse);
    for (const waiting of pulse.waiting) tell(waiting);
  }
  next(0);
  return pulse;
}

function newsIn(now: Seen, before: Seen): "none" | "some" | "urgent" {
  if (now.state !== before.state || now.bytes - before.bytes >= MUCH) return "urgent";
  return now.bytes === before.bytes ? "none" : "some";
}

function seenOf({ isDraining }: Context, upload: Upload): Seen {
  const { state, epoch, tail, hasSize, partSize } = upload.record;
  const isHealing = upload.healing !== undefined;
  const bytes = committedCount(upload) * partSize + (tail?.size ?? 0);
  return { state: [state, epoch, hasSize, isHealing, isDraining].join(" "), bytes };
}
