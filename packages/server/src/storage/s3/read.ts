// Objects that are written whole: manifests, tails, and what was assembled.
import type { ObjectStorage, PlacedObject } from "@holdfast/engine";
import type { ByteRange } from "@holdfast/protocol";
import { isPassing, storageError } from "./failure.ts";
import { lend } from "./lend.ts";
import { stagedOf } from "./place.ts";
import { removeBelow } from "./remove.ts";
import { pause, retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";
import { storedObjects } from "./stored.ts";

export function createObjects(stage: Stage): ObjectStorage {
  const { calls, keys, marks } = stage;
  return {
    isStaged: (place) => stagedOf(place) !== undefined,
    read: (object, range) => read(stage, object, range),
    async address(place, { lifeMs, type, disposition }) {
      const terms = { expiresIn: Math.floor(lifeMs / 1000), type, disposition };
      try {
        return await calls.objects.sign(keys.of({ kind: "bytes", place }), terms);
      } catch (error) {
        throw storageError(error, "signing an address");
      }
    },
    async put(object, bytes) {
      const headers = { type: "application/octet-stream", ...marks };
      await retrying(stage, "storing an object", () =>
        calls.objects.put(keys.of(object), bytes, headers),
      );
    },
    async remove(object) {
      await retrying(stage, "removing an object", () => calls.objects.delete(keys.of(object)));
    },
    list: () => storedObjects(stage),
    removeTails: (id, isSpent) => removeBelow(stage, keys.tails(id), { isUnwanted: isSpent }),
    async removeAll(id) {
      await removeBelow(stage, keys.besides(id));
      await removeBelow(stage, keys.bytesOf(id));
    },
  };
}

/** Breaks in a row, without a byte in between, that are gone on after. */
const BREAKS_MAX = 5;
/** What is asked for on behalf of a reader who was too slow for more, in bytes; it comes into memory at once. */
const SMALL_SIZE: number = 64 * 1024;

/**
 * A stream that breaks is gone on with where it broke, and one that a slow reader has kept where he is. All of it is of one version of the object.
 * @throws HoldfastError `storage_failed`
 */
async function* read(
  stage: Stage,
  object: PlacedObject,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const key = stage.keys.of(object);
  let at = start;
  let etag: string | undefined;
  let sizeMax = end - start;
  for (let breaks = 0; at < end; ) {
    const until = Math.min(end, at + sizeMax);
    try {
      const found = await stage.calls.objects.get(key, at, until, etag);
      if (!found) return;
      etag = found.etag;
      const isSmall = until - at <= SMALL_SIZE;
      const pieces = isSmall ? await gathered(found.pieces) : found.pieces;
      const isTaken = yield* lend(stage.clock, pieces, (size) => {
        at += size;
        breaks = 0;
      });
      if (isTaken && at < until) return;
      // Twice as much each time, so that what was asked for in vain is no more than what was taken.
      sizeMax = isTaken ? sizeMax * 2 : SMALL_SIZE;
    } catch (error) {
      breaks++;
      if (breaks > BREAKS_MAX || !isPassing(error)) throw storageError(error, "reading an object");
      await pause(stage, breaks, error);
    }
  }
}

/** All of a few pieces: their connection is free then. */
async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return each(all);
}

async function* each(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* pieces;
}
