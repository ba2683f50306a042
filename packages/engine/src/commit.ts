// Group commit: verified parts gather for 8 MiB or 50 ms, then one flush and one atomic record make them durable.
import { addPart, DIGEST_SIZE, hasPart, MIB } from "@holdfast/protocol";
import { type Context, UPLOAD_TTL_MS } from "./context.ts";
import { beginHealing } from "./heal.ts";
import { regionsOf } from "./kinds.ts";
import type { CommittedPart, Limits, Place, TailDigest } from "./records.ts";
import { noteCommitted } from "./root.ts";
import { dropTailObjects } from "./tail-objects.ts";
import { makeRoom, noteVersion, type Upload } from "./upload.ts";

export const GROUP_BYTES: number = 8 * MIB;
export const GROUP_MS = 50;

/** A part whose bytes have its digest; `written` resolves when the storage has taken them. */
export interface VerifiedPart extends CommittedPart {
  readonly size: number;
  readonly written: Promise<void>;
  /** Where its bytes went, in a storage that takes parts: all parts of a run go to one place. */
  readonly place?: Place;
  /** What its beginning was compared with, where appends had begun it. */
  readonly tail?: TailDigest | undefined;
}

export interface Committer {
  /** Takes a part into the open group. */
  add(part: VerifiedPart): void;
  /** Closes the group and resolves when every group has settled, whatever came of it. */
  settle(): Promise<void>;
  /** @throws what the first part that could not be committed met. */
  requireCommitted(): void;
}

/** The groups of one run. They do not wait for one another: parts are independent. */
export function createCommitter(context: Context, upload: Upload, limits: Limits): Committer {
  let group: VerifiedPart[] = [];
  let groupBytes = 0;
  let callOff: (() => void) | undefined;
  let failure: { readonly cause: unknown } | undefined;
  const pending: Promise<void>[] = [];

  function fail(cause: unknown): void {
    failure ??= { cause };
  }

  function close(): void {
    callOff?.();
    callOff = undefined;
    if (group.length === 0) return;
    pending.push(commitGroup(context, upload, { group, limits, fail }).catch(fail));
    group = [];
    groupBytes = 0;
  }

  return {
    add(part) {
      // Its group reports a failed write; until that closes, nobody is listening.
      part.written.catch(fail);
      group.push(part);
      groupBytes += part.size;
      if (groupBytes >= GROUP_BYTES) close();
      else callOff ??= context.clock.after(GROUP_MS, close);
    },
    async settle() {
      close();
      await Promise.all(pending);
    },
    requireCommitted() {
      if (failure) throw failure.cause;
    },
  };
}

interface ClosedGroup {
  readonly group: readonly VerifiedPart[];
  /** Those of who sends it. */
  readonly limits: Limits;
  readonly fail: (cause: unknown) => void;
}

/** Written, then flushed, then recorded: only in this order does a 2xx mean that the bytes survive. Parts whose writes failed are left out. */
async function commitGroup(
  context: Context,
  upload: Upload,
  { group, limits, fail }: ClosedGroup,
): Promise<void> {
  const parts: CommittedPart[] = [];
  for (const { index, digest, written } of group) {
    await written.then(() => parts.push({ index, digest }), fail);
  }
  if (parts.length === 0) return;
  await flush(context, upload);
  const compared = group.flatMap(({ tail }) => tail ?? []);
  await recordParts(context, upload, { parts, compared, limits, place: group[0]?.place });
}

/** Parts whose bytes are durable. */
interface DurableParts {
  readonly parts: readonly CommittedPart[];
  /** Tails that they begin with. */
  readonly compared: readonly TailDigest[];
  /** Of who brought them. */
  readonly limits: Limits;
  /** Where the bytes are: if that is not the upload's place any more, nothing is recorded. */
  readonly place: Place | undefined;
}

export async function recordParts(
  context: Context,
  upload: Upload,
  { parts, compared, limits, place }: DurableParts,
): Promise<void> {
  const expiresAt = context.clock.now() + UPLOAD_TTL_MS;
  const { id, hasSize } = upload.record;
  // A size that is known was reserved whole at create.
  const reserved = hasSize ? {} : { limits };
  const where = place === undefined ? { compared } : { compared, place };
  const commit = { kind: "commit", id, ...where, parts, expiresAt, ...reserved } as const;
  const version = await context.metadata.apply(commit);
  noteParts(context, upload, parts);
  // Groups may end in another order than they began in; the expiry never goes back. A tail has become part of its part.
  const { tail, ...rest } = upload.record;
  const isKept = tail && !hasPart(upload.committed, tail.index);
  upload.record = {
    ...rest,
    ...(isKept ? { tail } : {}),
    expiresAt: Math.max(expiresAt, upload.record.expiresAt),
    protocol: upload.record.protocol ?? "parts",
  };
  noteVersion(upload, version);
  if (tail && !isKept) await dropTailObjects(context, upload, tail.objects ?? []);
}

/** What is known of the upload in memory follows the record. */
export function noteParts(context: Context, upload: Upload, parts: readonly CommittedPart[]): void {
  for (const { index, digest } of parts) {
    makeRoom(upload, index);
    upload.digests.set(digest, index * DIGEST_SIZE);
    addPart(upload.committed, index);
    addPart(upload.bound, index);
    noteCommitted(upload, index, context.digests.sha256);
  }
}

/** A failed flush is never tried again: what it covered may be gone although a second one would succeed. What a store of parts has answered for needs none. */
export async function flush(context: Context, upload: Upload): Promise<void> {
  if (context.storage.kind === "parts") return;
  try {
    await regionsOf(context).flush(upload.record.id);
  } catch (cause) {
    beginHealing(context, upload, cause);
    throw cause;
  }
}
