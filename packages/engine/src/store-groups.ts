// The commits of an append into a store of parts: groups are sent beside one another, and recorded in order, each on top of the one before.
import { recordAppend } from "./commit-append.ts";
import type { Context } from "./context.ts";
import type { Group } from "./gather.ts";
import type { CommittedPart, Limits, Tail, TailObject } from "./records.ts";
import {
  dropTailObjects,
  isUnknown,
  putTailObject,
  splitTail,
  tailObjectsOf,
  tailOfObjects,
} from "./tail-objects.ts";
import type { Upload } from "./upload.ts";
import { putWhole } from "./whole-part.ts";

/** Where gathered bytes become durable. */
export interface GroupStore {
  /** Takes a group; resolves when its memory is free, whatever came of it. */
  store(group: Group): Promise<void>;
  /** Resolves when nothing that was taken is under way. */
  idle(): Promise<void>;
  /** Takes what has gathered last, and resolves when everything is recorded or has failed to be. */
  commit(last: Group | undefined): Promise<void>;
  /** At the end of a connection that ended anyhow: as `commit`, as far as bytes may be recorded. */
  settle(last: Group | undefined): Promise<void>;
  /** @throws what the first group that could not be committed met. */
  requireCommitted(): void;
}

/** What the store has durably, before a record says so. */
export interface Sent {
  readonly parts: readonly CommittedPart[];
  readonly tail?: Tail;
  /** Named by no record from then on. */
  readonly spent: readonly TailObject[];
  /** Named by none before. */
  readonly made: readonly TailObject[];
}

/** Every group is committed. */
export function createGroupStore(context: Context, upload: Upload, limits: Limits): GroupStore {
  let failure: { readonly cause: unknown } | undefined;
  let lastIndex: number | undefined;
  let last: Promise<void> = Promise.resolve();

  function requireCommitted(): void {
    if (failure) throw failure.cause;
  }

  async function send(group: Group, before: Promise<void>): Promise<Sent> {
    try {
      await before;
      requireCommitted();
      return await sendGroup(context, upload, group);
    } finally {
      group.release();
    }
  }

  async function record({ spent, made, ...durable }: Sent): Promise<void> {
    // What comes behind a gap is no offset.
    if (failure) return dropTailObjects(context, upload, made);
    await recordAppend(context, upload, durable, limits);
    await dropTailObjects(context, upload, spent);
  }

  /** Perhaps because another server has gone on. Where nobody knows what was recorded, a record may name them. */
  async function refused({ made }: Sent, cause: unknown): Promise<never> {
    if (!isUnknown(cause)) await dropTailObjects(context, upload, made);
    throw cause;
  }

  async function store(group: Group): Promise<void> {
    const before = last;
    // What follows in the same part is built on the record of what came before.
    const sent = send(group, lastIndex === group.index ? before : Promise.resolve());
    // One that fails takes nothing along that lies before it, however slow that is; nor does it end before that.
    last = before
      .then(() => sent)
      .then((durable) => record(durable).catch((cause) => refused(durable, cause)))
      .catch((cause: unknown) => {
        failure ??= { cause };
      });
    lastIndex = group.index;
    await sent.catch(() => undefined);
  }

  async function commit(group: Group | undefined): Promise<void> {
    if (group) void store(group);
    await last;
  }

  return { store, commit, idle: () => last, settle: commit, requireCommitted };
}

/** A whole part goes to its place, what it was made of goes with the record; anything else is one more object of the tail. */
async function sendGroup(context: Context, upload: Upload, group: Group): Promise<Sent> {
  const objects = tailObjectsOf(upload, group.index);
  const { pieces } = group;
  if (group.isWhole) {
    const part = await putWhole(context, upload, group, { objects, pieces });
    return { parts: [part], spent: objects, made: [] };
  }
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  const { kept, merged } = splitTail(objects, size);
  const object = await putTailObject(context, upload, { objects: merged, pieces });
  const tail = tailOfObjects(group, [...kept, object]);
  return { parts: [], tail, spent: merged, made: [object] };
}
