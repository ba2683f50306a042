// The commits of an append: in order, each on top of the one before; whole parts and the tail behind them go in one record.
import { isHoldfastError } from "@holdfast/protocol";
import { appending } from "./claims.ts";
import { flush, GROUP_BYTES, GROUP_MS, noteParts, type VerifiedPart } from "./commit.ts";
import { type Context, UPLOAD_TTL_MS } from "./context.ts";
import { tokenOf } from "./host-claim.ts";
import type { CommittedPart, Limits, Tail } from "./records.ts";
import { fixedTo } from "./size.ts";
import { type FillingPart, tailOf } from "./tail.ts";
import { noteVersion, offsetOf, type Upload } from "./upload.ts";
import type { Writer } from "./writer.ts";

/**
 * `grouped`: every 8 MiB or 50 ms what came is made durable, and at the end, however that comes.
 * `whole`: nothing is, before the body has come to its end and its digest was right.
 */
export type CommitRule = "grouped" | "whole";

export interface AppendCommitter {
  /** Takes note of `size` more bytes of a part, whose writes have been issued. */
  grow(part: FillingPart, size: number): void;
  /** Closes the open group and resolves when every group has settled, whatever came of it. `size` is the upload's from then on. */
  commit(size?: number): Promise<void>;
  /** At the end of a connection that ended anyhow: as `commit`, unless the body is committed as a whole. */
  settle(): Promise<void>;
  /** @throws what the first group that could not be committed met. */
  requireCommitted(): void;
}

interface Group {
  readonly parts: readonly VerifiedPart[];
  /** What the last group leaves of a part that is not whole. */
  readonly tail: Tail | undefined;
  readonly tailWritten: Promise<void>;
  readonly size: number | undefined;
}

export function createAppendCommitter(
  context: Context,
  upload: Upload,
  writer: Writer,
  { rule, limits }: { readonly rule: CommitRule; readonly limits: Limits },
): AppendCommitter {
  let parts: VerifiedPart[] = [];
  let filling: FillingPart | undefined;
  let groupBytes = 0;
  let callOff: (() => void) | undefined;
  let failure: { readonly cause: unknown } | undefined;
  let hasGap = false;
  let last: Promise<void> = Promise.resolve();

  function fail(cause: unknown): void {
    failure ??= { cause };
  }

  function close(size?: number): void {
    callOff?.();
    callOff = undefined;
    if (parts.length === 0 && !filling && size === undefined) return;
    const tailWritten = writer.written();
    tailWritten.catch(fail);
    const group = { parts, tail: filling && tailOf(filling), tailWritten, size };
    parts = [];
    filling = undefined;
    groupBytes = 0;
    // What comes behind a gap is no offset: after the first group that failed nothing more is committed.
    last = last
      .then(() => (hasGap ? undefined : commitGroup(context, upload, group, limits)))
      .catch((cause: unknown) => {
        hasGap = true;
        fail(cause);
      });
  }

  return {
    grow(part, size) {
      groupBytes += size;
      if (part.size === part.whole) {
        const written = writer.written();
        // Its group reports a failed write; until that closes, nobody is listening.
        written.catch(fail);
        parts.push({ index: part.index, digest: part.digest.snapshot(), size, written });
        filling = undefined;
      } else {
        filling = part;
      }
      if (rule === "whole") return;
      if (groupBytes >= GROUP_BYTES) close();
      else callOff ??= context.clock.after(GROUP_MS, close);
    },
    async commit(size) {
      close(size);
      await last;
    },
    async settle() {
      callOff?.();
      if (rule === "grouped") close();
      await last;
    },
    requireCommitted() {
      if (failure) throw failure.cause;
    },
  };
}

/** Written, then flushed, then recorded, as for parts that come alone. Where a write failed, the parts before it are committed. */
async function commitGroup(
  context: Context,
  upload: Upload,
  group: Group,
  limits: Limits,
): Promise<void> {
  const parts: CommittedPart[] = [];
  let fault: { readonly cause: unknown } | undefined;
  try {
    for (const { index, digest, written } of group.parts) {
      await written;
      parts.push({ index, digest });
    }
    await group.tailWritten;
  } catch (cause) {
    fault = { cause };
  }
  const { tail, size }: Partial<Group> = fault ? {} : group;
  if (parts.length > 0 || tail || size !== undefined) {
    await flush(context, upload);
    await recordAppend(context, upload, { parts, tail, size }, limits);
  }
  if (fault) throw fault.cause;
}

interface Recorded {
  readonly parts: readonly CommittedPart[];
  /** Stands in place of the one of before. */
  readonly tail?: Tail | undefined;
  /** The upload's from then on. */
  readonly size?: number | undefined;
}

/** Records what is durable already, on top of what stands. */
export async function recordAppend(
  context: Context,
  upload: Upload,
  { parts, tail, size }: Recorded,
  limits: Limits,
): Promise<void> {
  const { id, hasSize, place } = upload.record;
  const expiresAt = context.clock.now() + UPLOAD_TTL_MS;
  const optional = {
    ...tokenOf(context, upload),
    ...(tail ? { tail } : {}),
    ...(size === undefined ? {} : { size }),
    ...(hasSize ? {} : { limits }),
    ...(place === undefined ? {} : { place }),
  };
  const at = offsetOf(upload);
  const append = { kind: "append", id, parts, at, expiresAt, ...optional } as const;
  const version = await context.metadata.apply(append).catch((cause: unknown) => {
    throw atSize(upload, tail, cause);
  });
  noteParts(context, upload, parts);
  const { tail: _, ...rest } = upload.record;
  upload.record = {
    ...{ ...rest, ...(tail ? { tail } : {}), hasToldOffset: true },
    expiresAt: Math.max(expiresAt, rest.expiresAt),
    protocol: rest.protocol ?? "appends",
  };
  if (size !== undefined) fixedTo(upload, size);
  noteVersion(upload, version);
  upload.onAppended?.(offsetOf(upload));
}

/** Another server has fixed the size just where these bytes end, and the part is whole with that: whoever asks for the offset and comes again is right. */
function atSize({ record }: Upload, tail: Tail | undefined, cause: unknown): unknown {
  if (!tail || !isHoldfastError(cause) || cause.code !== "size_mismatch") return cause;
  const end = tail.index * record.partSize + tail.size;
  return cause.details["size"] === end ? appending() : cause;
}
