// Objects that nobody wants: those that a server wrote after it had lost its claim, or whose removal a crash has cut, and those that no record knows at all.
import type { Context } from "./context.ts";
import type { ListedObject } from "./ports.ts";
import type { UploadRecord } from "./records.ts";
import { isManifestOf } from "./stored.ts";

/** Milliseconds by the storage's clock that an object of an upload that has ended is older than: nobody writes for so long after an end. */
const LEFT_MS = 60 * 60 * 1000;
/** The same of an object that no record knows. */
const UNKNOWN_MS = 24 * 60 * 60 * 1000;
/** Milliseconds between two sightings: one answer of the records proves nothing, and bytes are lost by this. */
const SIGHTINGS_MS = 10 * 60 * 1000;
/** Milliseconds between two passes that the server makes by itself: each lists everything, which stores bill for. */
const PASS_MS = 6 * 60 * 60 * 1000;
/** Sightings that are remembered; whoever has more begins anew. */
const SEEN_MAX = 100_000;

/** What a process remembers of the objects that it has looked at. */
export interface Sightings {
  /** When an object was first found unwanted, by `Clock.monotonic`. */
  readonly seen: Map<string, number>;
  /** A pass that was cut by the time a sweep has: the next one goes on with it. */
  pass?: AsyncIterator<ListedObject>;
  /** When the last pass was through. */
  passedAt?: number;
}

export function createSightings(): Sightings {
  return { seen: new Map() };
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

/** The objects that are not wanted now. The records are asked after the storage has told of an object: what came between the two stands in them. */
export async function* strayObjects(
  context: Context,
  by: "server" | "anybody",
): AsyncGenerator<Stray, void, void> {
  if (context.storage.kind !== "parts") return;
  const now = context.clock.monotonic();
  const { seen, passedAt } = context.sightings;
  if (by === "server" && passedAt !== undefined && now - passedAt < PASS_MS) return;
  for await (const listed of by === "server" ? ownPass(context) : context.storage.objects.list()) {
    const fate = await fateOf(context, listed);
    const name = JSON.stringify(listed.object);
    if (fate === "wanted") {
      seen.delete(name);
      continue;
    }
    if (seen.size >= SEEN_MAX) seen.clear();
    const since = seen.get(name);
    if (since === undefined) {
      // Removed meanwhile, with its record.
      if (!(await isThere(context, listed))) continue;
      seen.set(name, now);
    }
    const isOld = listed.ageMs >= (fate === "left" ? LEFT_MS : UNKNOWN_MS);
    yield { listed, fate, isRipe: isOld && since !== undefined && now - since >= SIGHTINGS_MS };
  }
}

/** Goes on where an earlier sweep was cut, and says when it is through. */
async function* ownPass({ storage, sightings, clock }: Context): AsyncGenerator<ListedObject> {
  if (storage.kind !== "parts") return;
  sightings.pass ??= storage.objects.list()[Symbol.asyncIterator]();
  const { pass } = sightings;
  for (;;) {
    const next = await pass.next().catch((error: unknown) => {
      delete sightings.pass;
      throw error;
    });
    if (next.done) break;
    yield next.value;
  }
  delete sightings.pass;
  sightings.passedAt = clock.monotonic();
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
    const isItsBytes = object.kind === "bytes" && file.place !== undefined && isIn(file.place);
    return isItsBytes ? "wanted" : "left";
  }
  return upload ? "left" : "unrecorded";
}

/** An upload that is open may yet become anything; one that has ended and has bytes is being removed. */
function isGoingOn({ state, hasBytes }: UploadRecord): boolean {
  return state === "complete" ? false : hasBytes;
}
