// A mark in the bucket that names what lies there: whoever has other records must not take it for litter.
import { HoldfastError } from "@holdfast/protocol";
import { isRefusal } from "./calls.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

const SIZE_MAX = 1024;

export interface BucketMark {
  /** The name; undefined where nothing has been named yet. @throws HoldfastError `storage_failed` */
  read(): Promise<string | undefined>;
  /** Names what will lie there, durably, unless it has a name by now: whoever has written reads it. @throws HoldfastError `storage_failed` */
  write(name: string): Promise<void>;
  /** Whether nothing of ours is there, but perhaps the mark. */
  isAlone(): Promise<boolean>;
  /** Resolves if the store answers now; nothing is tried again. */
  look(): Promise<void>;
}

export function createMark(stage: Stage): BucketMark {
  const { calls, keys, marks, capabilities } = stage;
  const { objects, multipart } = calls;

  async function text(): Promise<string | undefined> {
    const pieces: Uint8Array[] = [];
    const found = await objects.get(keys.mark, 0, SIZE_MAX);
    for await (const piece of found?.pieces ?? []) pieces.push(piece);
    return pieces.length === 0 ? undefined : Buffer.concat(pieces).toString("utf8");
  }

  return {
    async read() {
      const found = await retrying(stage, "reading the bucket's mark", text);
      return found === undefined ? undefined : nameIn(found);
    },
    async write(name) {
      const bytes = new TextEncoder().encode(`${JSON.stringify({ place: name })}\n`);
      const headers = { type: "application/json", ...marks };
      await retrying(stage, "writing the bucket's mark", async () => {
        if (!capabilities.writesOnce) return objects.put(keys.mark, bytes, headers);
        await objects.create(keys.mark, bytes, headers).catch((error: unknown) => {
          // Somebody else, or an earlier try of ours whose answer was lost.
          if (!isRefusal(error, "PreconditionFailed")) throw error;
        });
      });
    },
    async isAlone() {
      const list = (prefix: string) => () => objects.list(prefix);
      for (const prefix of [keys.places, keys.allBesides]) {
        const { items } = await retrying(stage, "listing objects", list(prefix));
        if (items.length > 0) return false;
      }
      const { items } = await retrying(stage, "listing multipart uploads", () =>
        multipart.list(keys.places),
      );
      return items.length === 0;
    },
    async look() {
      await objects.head(keys.mark);
    },
  };
}

/** @throws HoldfastError `storage_unusable` */
function nameIn(text: string): string {
  try {
    const mark: unknown = JSON.parse(text);
    if (typeof mark === "object" && mark && "place" in mark && typeof mark.place === "string") {
      return mark.place;
    }
  } catch (cause) {
    throw damaged(cause);
  }
  throw damaged();
}

function damaged(cause?: unknown): HoldfastError {
  const hint = "Put back a copy of that object, or take another prefix.";
  const message = "holdfast.json in the bucket, which names what lies there, cannot be read";
  return new HoldfastError("storage_unusable", message, { setting: "storage", hint }, cause);
}
