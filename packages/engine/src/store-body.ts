// A body that is committed as a whole or not at all, into a store of parts: objects that no record names hold it until its digest was right, and nothing is bound before.
import { recordAppend } from "./commit-append.ts";
import type { Context } from "./context.ts";
import type { Group } from "./gather.ts";
import type { CommittedPart, Limits, Tail, TailObject } from "./records.ts";
import type { GroupStore, Sent } from "./store-groups.ts";
import {
  dropTailObjects,
  putTailObject,
  splitTail,
  tailObjectsOf,
  tailOfObjects,
} from "./tail-objects.ts";
import type { Upload } from "./upload.ts";
import { putWhole } from "./whole-part.ts";

/** What has come of one part. */
interface Kept extends Omit<Group, "release"> {
  /** They hold the bytes before those of `pieces`. */
  readonly objects: readonly TailObject[];
}

export function createBodyStore(context: Context, upload: Upload, limits: Limits): GroupStore {
  let kept: readonly Kept[] = [];
  let failure: { readonly cause: unknown } | undefined;
  let last: Promise<void> = Promise.resolve();

  function fail(cause: unknown): void {
    failure ??= { cause };
  }

  async function keep(group: Group): Promise<void> {
    const { pieces } = group;
    // A part that ends with the bytes that it has brings none.
    const isMore = pieces.length > 0;
    const made = isMore ? [await putTailObject(context, upload, { objects: [], pieces })] : [];
    kept = withGroup(kept, { ...group, pieces: [] }, made);
  }

  return {
    async store(group) {
      last = last
        .then(() => (failure ? undefined : keep(group)))
        .catch(fail)
        .finally(group.release);
      await last;
    },
    idle: () => last,
    async commit(group) {
      await last;
      try {
        const all = group ? withGroup(kept, group, []) : kept;
        if (failure || all.length === 0) return;
        const { spent, ...durable } = await sendBody(context, upload, all);
        // From here on a record may name them, whatever the answer.
        kept = [];
        await recordAppend(context, upload, durable, limits);
        await dropTailObjects(context, upload, spent);
      } catch (cause) {
        fail(cause);
      } finally {
        group?.release();
      }
    },
    async settle(group) {
      group?.release();
      await last;
      for (const { objects } of kept) await dropTailObjects(context, upload, objects);
      kept = [];
    },
    requireCommitted() {
      if (failure) throw failure.cause;
    },
  };
}

function withGroup(
  kept: readonly Kept[],
  group: Omit<Group, "release">,
  made: readonly TailObject[],
): readonly Kept[] {
  const { index, size, digest, isWhole, pieces } = group;
  const before = kept.at(-1);
  const isMore = before?.index === index;
  const objects = isMore ? [...before.objects, ...made] : made;
  const all = isMore ? kept.slice(0, -1) : kept;
  return [...all, { index, size, digest, isWhole, pieces, objects }];
}

/** What one record takes: whole parts in their place, and objects of the tail. */
async function sendBody(
  context: Context,
  upload: Upload,
  kept: readonly Kept[],
): Promise<Pick<Sent, "parts" | "tail" | "spent">> {
  const parts: CommittedPart[] = [];
  const spent: TailObject[] = [];
  let tail: Tail | undefined;
  for (const { pieces, isWhole, ...part } of kept) {
    const objects = [...tailObjectsOf(upload, part.index), ...part.objects];
    if (isWhole) {
      parts.push(await putWhole(context, upload, part, { objects, pieces }));
      spent.push(...objects);
      continue;
    }
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const { kept: left, merged } = splitTail(objects, size);
    const bytes = { objects: merged, pieces };
    const made = size > 0 ? [await putTailObject(context, upload, bytes)] : [];
    tail = tailOfObjects(part, [...left, ...made]);
    spent.push(...merged);
  }
  return { parts, ...(tail ? { tail } : {}), spent };
}
