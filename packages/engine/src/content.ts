// content: what is committed of an upload, for whoever may read, before there is a file and while it becomes one.
import { type ByteRange, type FileId, HoldfastError, type UploadId } from "@holdfast/protocol";
import { recovering, requireNotEnded } from "./claims.ts";
import { type Context, useUpload } from "./context.ts";
import type { FreshReader } from "./fresh.ts";
import { readGrown, readLittle, sendGrown } from "./grown.ts";
import type { RevokedLink } from "./notes.ts";
import type { Outlet } from "./ports.ts";
import { createWaiter, type Waiter } from "./pulse.ts";
import { isUnchecked, readChecked } from "./read-verified.ts";
import type { FileRecord, Principal } from "./records.ts";
import { dropStreams } from "./shared-stream.ts";
import { readStaged } from "./staged.ts";
import { committedEnd, offsetOf, type Upload } from "./upload.ts";

/** An upload as it stood when somebody asked for its bytes. */
export interface UploadContent {
  readonly id: UploadId;
  readonly name: string;
  readonly type: string;
  /** In bytes, once it is fixed. */
  readonly size: number | undefined;
  /** What it may become at most, in bytes. */
  readonly sizeMax: number;
  /** Contiguous committed bytes from 0. */
  readonly offset: number;
  /** Where the committed bytes from `at` on ended; `at` itself where that byte was not committed. */
  readonly endFrom: (at: number) => number;
  /** What it has become, and when. */
  readonly file?: { readonly id: FileId; readonly at: number };
  /** Raised where committed bytes are taken back: what is read belongs to one epoch. */
  readonly epoch: number;
  /** Stands for the bytes, not for how many of them are there: no byte under one tag is ever another, and a part that is withdrawn makes another tag. */
  readonly tag: Uint8Array;
  /** Links to it that were taken back. */
  readonly revoked: readonly RevokedLink[];
}

/** For whoever may read: the id by itself lets nobody write, so that it may be told to a reader. @throws HoldfastError as `Engine.content` says */
export function content(
  context: Context,
  principal: Principal,
  id: string,
): Promise<UploadContent> {
  return useUpload(context, principal, "read", id, async (upload) => {
    const { record } = upload;
    requireNotEnded(upload);
    const isFile = record.state === "complete";
    if (!isFile && !canRead(context, upload)) throw new HoldfastError("upload_unreadable");
    if (!isFile && upload.healing) throw recovering();
    const { name, type, epoch, fileId, size, hasSize, endedAt = 0, revoked = [] } = record;
    const then = {
      record,
      committed: { ...upload.committed, bits: upload.committed.bits.slice() },
    };
    return {
      ...{ id: record.id, name, type, epoch, revoked },
      size: hasSize ? size : undefined,
      sizeMax: size,
      offset: isFile ? size : offsetOf(upload),
      endFrom: (at) => (isFile ? Math.max(at, size) : committedEnd(then, at)),
      ...(isFile && fileId ? { file: { id: fileId, at: endedAt } } : {}),
      tag: context.digests.sha256(new TextEncoder().encode(`content ${record.id} ${epoch}`)),
    };
  });
}

/** Where parts are whole objects of a store that are joined in the end, nobody can read them before. */
function canRead({ storage }: Context, { record: { place } }: Upload): boolean {
  if (storage.kind === "regions") return true;
  return place !== undefined && storage.objects.isStaged(place);
}

/** Whoever reads what grows. */
export interface ContentReader {
  readonly asked: Pick<UploadContent, "id" | "epoch">;
  /** Aborted when nobody reads any more: then it ends at once. */
  readonly gone: AbortSignal;
  readonly outlet: Outlet | undefined;
}

/**
 * The bytes of the range in their order, each piece as soon as it is committed: what is there at once, the rest as it comes. Each piece is valid until the next one is asked for.
 * One that is empty comes every few seconds, whether there is more or not: who hands the pieces on asks then whether it still may. Where there is an outlet, one comes first of all: the head of the reply goes out with it.
 *
 * Where the range ends at the end of the file or behind it (`Infinity` does), it ends when the file is there, not before: that the last byte is committed says nothing of what becomes of it.
 *
 * @throws HoldfastError `upload_ended` where there will be no file; `upload_not_open` where bytes were withdrawn since, read here or not: what follows would not belong to them;
 * `shutting_down` where it would have to wait; `range_not_satisfiable` where the file ends before the range begins; what the storage throws.
 */
export async function* readContent(
  context: Context,
  { asked, gone, outlet }: ContentReader,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const over = Promise.withResolvers<void>();
  // In memory for as long as somebody reads: all who do look at the same upload.
  const upload = await new Promise<Upload>((resolve, reject) => {
    const hold = (held: Upload) => {
      resolve(held);
      return over.promise;
    };
    context.uploads.use(asked.id, hold).catch(reject);
  });
  upload.readers++;
  const waiter = createWaiter(context, upload, gone);
  try {
    yield* readAlong({ context, upload, epoch: asked.epoch, gone, waiter, outlet }, range);
  } finally {
    waiter.end();
    upload.readers--;
    if (upload.readers === 0) dropStreams(upload);
    over.resolve();
  }
}

const NOTHING = new Uint8Array();

/** Milliseconds between two pieces at most, where there is something to do, be they empty. */
const PIECE_MS = 1_000;

interface Reading {
  readonly context: Context;
  readonly upload: Upload;
  readonly epoch: number;
  readonly gone: AbortSignal;
  readonly waiter: Waiter;
  readonly outlet: Outlet | undefined;
}

async function* readAlong(
  reading: Reading,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const { context, upload, gone, waiter, outlet } = reading;
  const { clock } = context;
  const reader: FreshReader = { isSlow: false, isLate: true };
  const way = outlet && whileSame(reading, outlet);
  let givenAt = clock.monotonic();
  if (outlet) yield NOTHING;
  for (let at = start; at < end; ) {
    // Whatever way the bytes go: whoever keeps up with an upload that never pauses may never wait.
    if (clock.monotonic() - givenAt >= PIECE_MS) {
      yield NOTHING;
      givenAt = clock.monotonic();
    }
    requireSame(reading);
    const { record, healing } = upload;
    if (record.state === "complete") return yield* readRest(reading, way, { start: at, end });
    const there = healing ? at : Math.min(end, committedEnd(upload, at));
    if (there > at) {
      const went = way && (await sendGrown(context, upload, way, { start: at, end: there }));
      at += went ?? 0;
      if (at === there) continue;
      const rest = { start: at, end: there };
      const pieces =
        went === undefined ? committedPieces(reading, reader, rest) : littleOf(reading, rest);
      for await (const piece of pieces) {
        requireSame(reading);
        // Read, and then in doubt: it is read once more when that is over.
        if (upload.healing) break;
        yield piece;
        at += piece.length;
      }
    } else {
      if (context.isDraining) throw new HoldfastError("shutting_down");
      await waiter.changed();
      if (gone.aborted) return;
    }
  }
}

/** Nothing goes past us once the bytes are in doubt, or others: it is asked in the very moment. */
function whileSame({ upload, epoch }: Reading, outlet: Outlet): Outlet {
  return {
    begin: (size) =>
      upload.record.epoch === epoch && !upload.healing ? outlet.begin(size) : undefined,
    took: outlet.took,
  };
}

/** From the file, whose bytes are where they were. */
async function* readRest(
  { context, upload, outlet }: Reading,
  way: Outlet | undefined,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const { size } = upload.record;
  if (start > size) throw new HoldfastError("range_not_satisfiable", undefined, { size });
  const file = await requireFile(context, upload);
  if (!file) return;
  const rest = { start, end: Math.min(end, size) };
  // All who have followed want what came last, which is in no cache yet.
  const canSend = way !== undefined && isUnchecked(context, file, "as-stored");
  const went = canSend ? await sendGrown(context, upload, way, rest) : 0;
  const left = { start: start + (went ?? 0), end: rest.end };
  yield* readChecked(context, file, left, "as-stored", outlet);
}

/** Committed bytes, from whichever kind of storage has them. */
async function* committedPieces(
  reading: Reading,
  reader: FreshReader,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const { context, upload } = reading;
  try {
    if (context.storage.kind === "regions") yield* readGrown(context, upload, reader, range);
    else yield* readStaged(context, upload, reader, range);
  } catch (cause) {
    throw await whyNothing(reading, cause);
  }
}

/** Where the kernel could send no more: a little, which waits for room in the connection. */
async function* littleOf(
  reading: Reading,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const { context, upload } = reading;
  try {
    yield await readLittle(context, upload, range);
  } catch (cause) {
    throw await whyNothing(reading, cause);
  }
}

/** Removed while it was read: that is why there was nothing. */
async function whyNothing(reading: Reading, cause: unknown): Promise<unknown> {
  requireSame(reading);
  await requireFile(reading.context, reading.upload);
  return cause;
}

/** @throws HoldfastError `file_not_found` where it has become a file that is gone by now */
async function requireFile(
  { metadata }: Context,
  { record: { state, fileId } }: Upload,
): Promise<FileRecord | undefined> {
  if (state !== "complete") return undefined;
  const file = fileId && (await metadata.file(fileId));
  if (file?.state !== "available") throw new HoldfastError("file_not_found");
  return file;
}

/** Bytes that were withdrawn are other ones when they come again: who has read the old ones, or reads beside them, ends here. */
function requireSame({ upload, epoch }: Reading): void {
  requireNotEnded(upload);
  if (upload.record.epoch === epoch) return;
  const { state } = upload.record;
  throw new HoldfastError("upload_not_open", "stored bytes proved bad while they were read", {
    state,
  });
}
