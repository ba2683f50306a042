// Making one object of all parts. A lost answer is found out by looking: nothing but the object itself says that it is there.
import { createHash } from "node:crypto";
import type { BoundPart, Place } from "@holdfast/engine";
import { equalBytes, HoldfastError } from "@holdfast/protocol";
import {
  type CompletedPart,
  isRefusal,
  type ListedPart,
  type MultipartId,
  S3Error,
} from "./calls.ts";
import { type CopiedBy, copyAll } from "./copy.ts";
import { endAttempts } from "./discard.ts";
import { isPassing, storageError } from "./failure.ts";
import { pagesOf } from "./listed.ts";
import { multipartOf, numberOf, type Staged, stagedOf } from "./place.ts";
import { removeBelow } from "./remove.ts";
import { pause, retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

const TRIES = 5;
const DOING = "assembling the object";

export async function assemble(
  stage: Stage,
  place: Place,
  parts: readonly BoundPart[],
): Promise<void> {
  const upload = multipartOf(place);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const staged = stagedOf(place);
  if (staged) {
    if (!(await isThere(stage, upload, size, parts)))
      await tryAll(stage, parts, { ...upload, staged, size });
    // Nobody reads them any more who cannot read the object, and there may be thousands: nobody waits for that. What is left of them when the process ends goes with the sweep of objects, or with the upload.
    removeStaged(stage, upload.key).catch(() => undefined);
    return;
  }
  await tryAll(stage, parts, { ...upload, size });
}

/** Only while the object is there: somebody who has removed it by hand has left nothing else of these bytes. */
async function removeStaged(stage: Stage, key: string): Promise<void> {
  const { objects } = stage.calls;
  const isMade = async () => (await retrying(stage, DOING, () => objects.head(key))) !== undefined;
  await removeBelow(stage, stage.keys.parts(key), { isStill: isMade });
}

interface Wanted extends MultipartId {
  readonly size: number;
  /** What its parts are copied from; else they are there. */
  readonly staged?: Staged;
}

/**
 * The key is this place's alone: what stands there was made of its parts. Of which, where the record was restored from an older copy and has gone on since, the store says, if it tells digests at all.
 * @throws HoldfastError `storage_failed` where it is of other bytes
 */
async function isThere(
  stage: Stage,
  { key }: MultipartId,
  size: number,
  parts: readonly BoundPart[],
): Promise<boolean> {
  const facts = await retrying(stage, DOING, () => stage.calls.objects.head(key));
  if (!facts) return false;
  if (facts.size !== size)
    throw new HoldfastError("storage_failed", `the object has ${facts.size} bytes`);
  const { partsDigest: there } = facts;
  // Parts that a store has cut otherwise say nothing.
  if (there?.count !== parts.length) return true;
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part.digest);
  if (equalBytes(digest.digest(), there.sha256)) return true;
  throw new HoldfastError("storage_failed", "the object was made of other bytes");
}

async function tryAll(
  stage: Stage,
  parts: readonly BoundPart[],
  { staged, size, ...upload }: Wanted,
): Promise<void> {
  let by: CopiedBy = "store";
  for (let tries = 1; ; tries++) {
    const fault = await tryOnce(stage, parts, async () =>
      staged ? copyAll(stage, staged, parts, by) : upload,
    );
    if (await isThere(stage, upload, size, parts)) {
      // It was made by another attempt, and this one is left with copies of all that it came to.
      if (staged && fault !== undefined) await endAttempts(stage, upload.key);
      return;
    }
    const isOther = staged !== undefined && by === "store" && isRefusal(fault, ...REFUSED_COPIES);
    if (isOther) by = "server";
    if (tries === TRIES || !(isOther || mayPass(fault))) throw storageError(fault, DOING);
    await pause(stage, tries, fault);
  }
}

/** What stores say of parts that came without a digest where one was promised. Not all of them make one as they copy. */
const REFUSED_COPIES = ["InvalidPart", "InvalidRequest", "BadDigest"] as const;

/** Gives what went wrong, if anything did. A complete that the store refused may have been done by an earlier one whose answer was lost. */
async function tryOnce(
  stage: Stage,
  parts: readonly BoundPart[],
  ready: () => Promise<MultipartId>,
): Promise<unknown> {
  try {
    const upload = await ready();
    const there: ListedPart[] = [];
    for await (const part of pagesOf(stage, upload)) there.push(part);
    await stage.calls.multipart.complete(upload, requireAll(parts, there));
    return undefined;
  } catch (error) {
    const cause = error instanceof HoldfastError ? error.cause : error;
    if (cause instanceof S3Error) return cause;
    // Some stores list none of what has become an object.
    if (error instanceof HoldfastError) return error;
    throw error;
  }
}

/** After a store has encrypted a part anew its ETag is another: the next try lists again. An upload that is gone never comes back. */
function mayPass(fault: unknown): boolean {
  return fault === undefined || isPassing(fault) || isRefusal(fault, "InvalidPart");
}

/** @throws HoldfastError `parts_missing` with half-open ranges in `details.missing`. */
function requireAll(
  parts: readonly BoundPart[],
  there: readonly ListedPart[],
): readonly CompletedPart[] {
  // A part that came more than once some stores list as often, the older ones too.
  const byNumber = Map.groupBy(there, ({ number }) => number);
  const all: CompletedPart[] = [];
  const missing: (readonly [number, number])[] = [];
  for (const { index, size, digest } of parts) {
    const part = byNumber
      .get(numberOf(index))
      ?.find((one) => one.size === size && (!one.sha256 || equalBytes(one.sha256, digest)));
    if (part) all.push({ number: part.number, etag: part.etag, sha256: digest });
    else missing.push([index, index + 1]);
  }
  if (missing.length === 0) return all;
  const text = `the store does not have ${missing.length} of the parts`;
  throw new HoldfastError("parts_missing", text, { missing: missing.slice(0, 1000) });
}
