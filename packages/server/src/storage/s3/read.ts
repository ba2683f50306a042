// Objects that are written whole: manifests, tails, and what was assembled.
import type { ObjectStorage, PlacedObject } from "@holdfast/engine";
import type { ByteRange } from "@holdfast/protocol";
import { isPassing, storageError } from "./failure.ts";
import { pause, retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";
import { storedObjects } from "./stored.ts";

export function createObjects(stage: Stage): ObjectStorage {
  const { calls, keys, marks } = stage;
  return {
    read: (object, range) => read(stage, object, range),
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
    removeTails: (id) => removeBelow(stage, keys.tails(id)),
    removeAll: (id) => removeBelow(stage, keys.besides(id)),
  };
}

async function removeBelow(stage: Stage, prefix: string): Promise<void> {
  const { objects } = stage.calls;
  const list = () => retrying(stage, "listing objects", () => objects.list(prefix));
  for (let page = await list(); page.items.length > 0; page = await list()) {
    for (const { key } of page.items) {
      await retrying(stage, "removing an object", () => objects.delete(key));
    }
  }
}

/** Breaks in a row, without a byte in between, that are gone on after. */
const BREAKS_MAX = 5;

/** A stream that breaks is gone on with where it broke. */
async function* read(
  stage: Stage,
  object: PlacedObject,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const key = stage.keys.of(object);
  let at = start;
  for (let breaks = 0; at < end; ) {
    try {
      const pieces = await stage.calls.objects.get(key, at, end);
      if (!pieces) return;
      for await (const piece of pieces) {
        at += piece.length;
        breaks = 0;
        yield piece;
      }
      return;
    } catch (error) {
      breaks++;
      if (breaks > BREAKS_MAX || !isPassing(error)) throw storageError(error, "reading an object");
      await pause(stage, breaks, error);
    }
  }
}
