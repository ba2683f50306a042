// Objects that nobody wants: those that a server wrote after it had lost its claim, or whose removal a crash has cut, and those that no record knows at all.
import type { Context } from "./context.ts";
import type { ListedObject } from "./ports.ts";
import type { UploadRecord } from "./records.ts";
import { createSightings, type Sightings } from "./sightings.ts";
import { isManifestOf } from "./stored.ts";

/** Milliseconds by the storage's clock that an object of an upload that has ended is older than: nobody writes for so long after an end. */
const LEFT_MS = 60 * 60 * 1000;
/** The same of an object that no record knows. */
const UNKNOWN_MS = 24 * 60 * 60 * 1000;
/** Milliseconds between two sightings: one answer of the records proves nothing, and bytes are lost by this. */
const SIGHTINGS_MS = 10 * 60 * 1000;
/** Milliseconds between two passes that the server makes by itself: each lists everything, which stores bill for. */
const PASS_MS = 6 * 60 * 60 * 1000;

/** What a process remembers of its sweeps, and of the objects that it has looked at. Times are by `Clock.monotonic`. */
export interface Passes {
  /** Apart from one another: what only a person may remove stays, and must not keep the rest from its turn. */
  readonly seen: Readonly<Record<Exclude<Fate, "wanted">, Sightings>>;
  /** A pass that was cut by the time a sweep has: the next one goes on with it. */
  own?: { readonly at: number; readonly list: AsyncIterator<ListedObject> };
  /** When the last pass was through. */
  passedAt?: number;
  /** What a sweep has begun to heal, and has not waited for. */
  healing?: Promise<void>;
}

export function createPasses(): Passes {
  return { seen: { left: createSightings(), unrecorded: createSightings() } };
}

/**
 * `left`: what its records are done with, for good: nothing that happens can want it again. `unrecorded`: no record knows it, which is also what objects
 * look like that are newer than the records, after an older copy of those was restored: only a person can tell.
 */
export type Fate = "wanted" | "left" | "unrecorded";

export interface Stray {
  readonly listed: ListedObject;
  readonly fate: Exclude<Fate, "wanted">;
  /** Old enough, and seen before. */
  readonly isRipe: boolean;
}

/** Who looks: the server by itself, somebody who wants them gone, or somebody who only wants to know. */
type Looker = "server" | "anybody" | "onlooker";

/** The objects that are not wanted now. The records are asked after the storage has told of an object: what came between the two stands in them. */
export async function* strayObjects(
  context: Context,
  by: Looker,
): AsyncGenerator<Stray, void, void> {
  if (context.storage.kind !== "parts") return;
  const now = context.clock.monotonic();
  const { seen, passedAt } = context.passes;
  // Those that could not be remembered are waiting for their turn.
  const pauseMs = seen.left.isCrowded() ? SIGHTINGS_MS : PASS_MS;
  if (by === "server" && passedAt !== undefined && now - passedAt < pauseMs) return;
  for await (const listed of by === "server"
    ? ownPass(context, now)
    : wholePass(context, by, now)) {
    const fate = await fateOf(context, listed);
    const name = JSON.stringify(listed.object);
    if (fate === "wanted") {
      for (const sightings of Object.values(seen)) sightings.forget(name);
      continue;
    }
    const sinceMs = seen[fate].sinceOf(name, now);
    // Removed meanwhile, with its record.
    const isNew = sinceMs === undefined && seen[fate].isNoted(name, now);
    if (isNew && !(await isThere(context, listed))) {
      seen[fate].forget(name);
      continue;
    }
    const isOld = listed.ageMs >= (fate === "left" ? LEFT_MS : UNKNOWN_MS);
    yield { listed, fate, isRipe: isOld && sinceMs !== undefined && sinceMs >= SIGHTINGS_MS };
  }
}

/** Goes on where an earlier sweep was cut, and says when it is through. */
async function* ownPass(
  { storage, passes, clock }: Context,
  now: number,
): AsyncGenerator<ListedObject> {
  if (storage.kind !== "parts") return;
  if (!passes.own) beginPass(passes, now);
  passes.own ??= { at: now, list: storage.objects.list()[Symbol.asyncIterator]() };
  const { at, list } = passes.own;
  for (;;) {
    const next = await list.next().catch((error: unknown) => {
      delete passes.own;
      throw error;
    });
    if (next.done) break;
    yield next.value;
  }
  delete passes.own;
  passes.passedAt = clock.monotonic();
  endPass(passes, at);
}

/** Whoever only looks takes nobody's turn: what is ripe then would stay. */
async function* wholePass(
  { storage, passes }: Context,
  by: Looker,
  now: number,
): AsyncGenerator<ListedObject> {
  if (storage.kind !== "parts") return;
  if (by !== "onlooker") beginPass(passes, now);
  yield* storage.objects.list();
  if (by !== "onlooker") endPass(passes, now);
}

function beginPass({ seen }: Passes, now: number): void {
  for (const sightings of Object.values(seen)) sightings.begin(now, SIGHTINGS_MS);
}

function endPass({ seen }: Passes, since: number): void {
  for (const sightings of Object.values(seen)) sightings.end(since);
}

async function isThere({ storage }: Context, { object }: ListedObject): Promise<boolean> {
  if (storage.kind !== "parts") return false;
  for await (const _ of storage.objects.read(object, { start: 0, end: 1 })) return true;
  return false;
}

async function fateOf({ metadata }: Context, { id, object, isIn }: ListedObject): Promise<Fate> {
  const upload = await metadata.upload(id);
  const file = await metadata.file({ uploadId: id });
  // Its own end takes it along.
  if (file?.state === "deleting" || (upload && isGoingOn(upload))) return "wanted";
  if (file) {
    if (object.kind === "manifest") return isManifestOf(file, object) ? "wanted" : "left";
    if (object.kind !== "bytes") return "left";
    // While a file is damaged any object of it may be the one that its record is about to lead to.
    const isItsBytes = file.place !== undefined && isIn(file.place);
    return isItsBytes || file.notes?.damaged ? "wanted" : "left";
  }
  return upload ? "left" : "unrecorded";
}

/** An upload that is open may yet become anything; one that has ended and has bytes is being removed. */
function isGoingOn({ state, hasBytes }: UploadRecord): boolean {
  return state === "complete" ? false : hasBytes;
}
