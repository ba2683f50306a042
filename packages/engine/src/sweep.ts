// sweep: removes what has ended. By lists along an index, a few at a time, each step one that may be cut and repeated.
import { type SweepReport, type Swept, toHoldfastError } from "@holdfast/protocol";
import { clear, clearIfFree } from "./abort.ts";
import { type Context, doWork } from "./context.ts";
import { eraseFile } from "./delete.ts";
import { allDue } from "./due.ts";
import { healLeft } from "./heal-file.ts";
import { ifClaimed, ifFree, tokenOf } from "./host-claim.ts";
import { partsOf } from "./kinds.ts";
import { isPinned } from "./partials.ts";
import { driveOn } from "./publish.ts";
import type { Due, Principal } from "./records.ts";
import { pause } from "./root.ts";
import { endStuck } from "./stuck-final.ts";
import { strayObjects } from "./sweep-objects.ts";
import { isBehind, straysDue } from "./sweep-places.ts";
import type { Upload } from "./upload.ts";

/** Milliseconds that an ended upload still answers for. */
export const KEPT_MS: number = 24 * 60 * 60 * 1000;
/** Steps under way at once: they share flushes and commits, and leave room for those who upload. */
const AT_ONCE = 16;
/** Milliseconds after which a sweep stops: the next one goes on. */
const SWEEP_MS: number = 5 * 60 * 1000;
/** Entries that a dry run looks at of each kind. */
const LOOKED_AT_MAX = 100_000;
/** Entries after which a dry run lets others have their turn: some 10 ms. */
const LOOKED_AT_ONCE = 4096;

export interface SweepWants {
  readonly isDryRun: boolean;
  /** Whether what no record knows goes too. Only a person can say that these are all the records. */
  readonly takesUnrecorded?: boolean;
  /** Whether the clock is not believed now: then nothing ends by time, and the rest goes on. Asked once it is known that the asker may. */
  readonly isHeld?: () => Promise<boolean>;
}

/**
 * What has expired ends and loses its bytes; so do files that were deleted and uploads that ended some other way, where a crash or a fault has left them; records of
 * what ended a day ago go; so do places of parts that stand in no record, and objects that those leave behind who come late; what was about to become a file when its time was over becomes one. Never takes an upload that somebody is writing to, nor one that a
 * commit comes in for meanwhile.
 *
 * @param by The server itself, or somebody who must be allowed to `administer`.
 */
export async function sweep(
  context: Context,
  by: Principal | "server",
  { isDryRun, isHeld: ask, takesUnrecorded = false }: SweepWants,
): Promise<SweepReport> {
  if (by !== "server") await context.policy.decide(by, "administer", by);
  const isHeld = ask ? await ask() : false;
  if (isDryRun) return await look(context, isHeld, takesUnrecorded);
  return await run(context, { by: by === "server" ? by : "anybody", isHeld, takesUnrecorded });
}

async function look(
  context: Context,
  isHeld: boolean,
  takesUnrecorded: boolean,
): Promise<SweepReport> {
  const now = context.clock.now();
  const tally = createTally(isHeld);
  const count = async (as: SweptName, list: AsyncIterable<Due>) => {
    let seen = 0;
    for await (const due of list) {
      tally.add(as, due);
      if (++seen % LOOKED_AT_ONCE === 0) await pause(context);
      if (seen < LOOKED_AT_MAX) continue;
      tally.stop();
      return;
    }
  };
  const { metadata } = context;
  if (!isHeld) await count("expired", allDue(metadata, "expired", now + 1));
  await count("removed", allDue(metadata, "uncleared"));
  await count("erased", allDue(metadata, "deleting"));
  if (!isHeld) await count("forgotten", allDue(metadata, "forgettable", now - KEPT_MS));
  if (!isHeld) await count("removed", straysDue(context));
  for await (const { listed, fate, isRipe } of strayObjects(context, "onlooker")) {
    const goes = isRipe && (fate === "left" || takesUnrecorded);
    if (goes || fate === "unrecorded") tally.add(goes ? "left" : fate, listed);
  }
  return tally.report(true);
}

interface RunWants {
  readonly by: "server" | "anybody";
  readonly isHeld: boolean;
  readonly takesUnrecorded: boolean;
}

async function run(
  context: Context,
  { by, isHeld, takesUnrecorded }: RunWants,
): Promise<SweepReport> {
  const { clock, metadata, uploads } = context;
  const until = clock.monotonic() + SWEEP_MS;
  const now = clock.now();
  const tally = createTally(isHeld);

  async function each<D extends Due>(
    list: AsyncIterable<D>,
    as: SweptName | "completed",
    step: (due: D) => Promise<boolean>,
  ): Promise<void> {
    const running = new Set<Promise<void>>();
    for await (const due of list) {
      if (context.isDraining || clock.monotonic() > until) {
        tally.stop();
        break;
      }
      const one = doWork(context, () => step(due))
        .then(
          (isDone) => isDone && as !== "completed" && tally.add(as, due),
          (cause) => fail(due, as, cause),
        )
        .then(() => void running.delete(one));
      running.add(one);
      if (running.size >= AT_ONCE) await Promise.race(running);
    }
    await Promise.all(running);
  }

  async function sweepObjects(): Promise<void> {
    for await (const { listed, fate, isRipe } of strayObjects(context, by)) {
      if (context.isDraining || clock.monotonic() > until) return tally.stop();
      const { id, object } = listed;
      if (isRipe && (fate === "left" || takesUnrecorded)) {
        await doWork(context, () => partsOf(context).objects.remove(object));
        tally.add("left", listed);
        context.log("info", "storage.left.removed", { upload: id, object: object.kind, fate });
      } else if (fate === "unrecorded") tally.add(fate, listed);
    }
  }

  /** A store that does not answer, or belongs to others by now, keeps nothing else from being done; what is there is seen again by the next pass. */
  async function guarded(step: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (toHoldfastError(cause).code === "shutting_down") return tally.stop();
      tally.fail();
      context.log("error", "sweep.failed", { step, cause });
    }
  }

  function fail({ id, fileId }: Due, step: string, cause: unknown): void {
    // Who is overtaken by a commit or by another sweep has nothing to do: that is no failure.
    const { code } = toHoldfastError(cause);
    if (code === "upload_not_open" || code === "upload_ended" || code === "upload_not_found")
      return;
    if (code === "shutting_down") {
      tally.stop();
      return;
    }
    tally.fail();
    context.log("error", "sweep.failed", { upload: id, file: fileId, step, cause });
  }

  if (!isHeld) {
    await each(allDue(metadata, "expired", now + 1), "expired", ({ id }) =>
      uploads.use(id, (upload) => expire(context, upload, takesUnrecorded)),
    );
  }
  await each(allDue(metadata, "uncleared"), "removed", ({ id }) =>
    uploads.use(id, (upload) => clearIfFree(context, upload)),
  );
  await each(allDue(metadata, "deleting"), "erased", async ({ fileId }) => {
    if (fileId) await eraseFile(context, fileId);
    return true;
  });
  if (!isHeld) {
    await each(allDue(metadata, "forgettable", now - KEPT_MS), "forgotten", async ({ id }) => {
      await metadata.apply({ kind: "forget", id, before: now - KEPT_MS });
      uploads.drop(id);
      return true;
    });
  }
  if (!isHeld) {
    await guarded("places", () =>
      each(straysDue(context), "removed", async ({ place }) => {
        await partsOf(context).discard(place);
        return true;
      }),
    );
  }
  await guarded("objects", sweepObjects);
  // Its last step met a fault, and nobody has asked again: it would stay as it is until the next start. At the end, since a proof takes its time.
  await each(allDue(metadata, "completing", now + 1), "completed", async ({ id }) => {
    await driveOn(context, id).catch((cause) => endStuck(context, id, { cause, isHeld }));
    return false;
  });
  // In an object store that reads and writes all of a file: for longer than anything else may wait for it.
  const { passes } = context;
  passes.healing ??= guarded("damaged", () => doWork(context, () => healLeft(context))).finally(
    () => delete passes.healing,
  );
  if (!(await isOverBy(clock, passes.healing, until))) tally.stop();
  const report = tally.report(false);
  const { count: objects, bytes } = report.unrecorded;
  if (objects > 0) context.log("warn", "storage.unrecorded", { objects, bytes });
  if (hasWorked(report)) context.log("info", "sweep.done", { ...report });
  return report;
}

/** Whether work has ended by a moment of `Clock.monotonic`; it goes on if it has not. */
async function isOverBy(
  clock: Context["clock"],
  work: Promise<void>,
  until: number,
): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const callOff = clock.after(Math.max(0, until - clock.monotonic()), () => late.resolve(false));
  const isOver = await Promise.race([work.then(() => true), late.promise]);
  callOff();
  return isOver;
}

/** A sweep that found nothing is no news, every half hour. */
function hasWorked(report: SweepReport): boolean {
  const { expired, removed, erased, forgotten, left, failed, isWhole } = report;
  const done = [expired, removed, erased, forgotten, left].some(({ count }) => count > 0);
  return done || failed > 0 || !isWhole;
}

/** Ends an upload whose time is over, and removes its bytes. False where it is not to go now. */
async function expire(
  context: Context,
  upload: Upload,
  takesUnrecorded: boolean,
): Promise<boolean> {
  const now = context.clock.now();
  const isDue = () => {
    const { record, claims } = upload;
    // Whoever writes is about to commit, and that moves the expiry.
    return record.state === "open" && record.expiresAt <= now && claims.size === 0;
  };
  if (!isDue() || (await isPinned(context, upload.record))) return false;
  if (!takesUnrecorded && (await isBehind(context, upload.record))) {
    context.log("warn", "upload.behind", { upload: upload.record.id });
    return false;
  }
  const ending = async () => {
    if (!isDue()) return false;
    const { id } = upload.record;
    await context.metadata.apply({ kind: "expire", id, ...tokenOf(context, upload), now });
    upload.record = { ...upload.record, state: "expired", endedAt: now };
    context.log("info", "upload.expired", { upload: id });
    await clear(context, upload);
    return true;
  };
  return (await ifClaimed(context, upload, ifFree, ending)) ?? false;
}

type SweptName = "expired" | "removed" | "erased" | "forgotten" | "left" | "unrecorded";

function createTally(isHeld: boolean) {
  const swept: Record<SweptName, Swept> = {
    expired: { count: 0, bytes: 0 },
    removed: { count: 0, bytes: 0 },
    erased: { count: 0, bytes: 0 },
    forgotten: { count: 0, bytes: 0 },
    left: { count: 0, bytes: 0 },
    unrecorded: { count: 0, bytes: 0 },
  };
  let failed = 0;
  let isWhole = true;
  return {
    add(name: SweptName, { size }: { readonly size: number }): void {
      const { count, bytes } = swept[name];
      swept[name] = { count: count + 1, bytes: Math.min(bytes + size, Number.MAX_SAFE_INTEGER) };
    },
    fail(): void {
      failed++;
    },
    stop(): void {
      isWhole = false;
    },
    report: (isDryRun: boolean): SweepReport => ({ isDryRun, ...swept, failed, isWhole, isHeld }),
  };
}
