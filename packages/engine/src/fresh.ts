// Reads of committed bytes before they are a file's: one for all who are at the same place, since they are read past every cache, or from a store that bills for each.
import type { ByteRange } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { QUICK_MS, SLOW_MS, SMALL_SIZE } from "./read.ts";
import type { Slot } from "./slots.ts";
import type { Upload } from "./upload.ts";

/** Bytes in a slot, on their way to everybody who follows. Kept for as long as one of them has not taken it. */
export interface FreshPiece extends ByteRange {
  readonly epoch: number;
  readonly slot: Slot;
  /** Resolves when the bytes are there. */
  readonly loaded: Promise<void>;
  users: number;
}

/** One of those who read. */
export interface FreshReader {
  /** Keeps a slot for long: goes on through a little memory of its own, as a slow download does. */
  isSlow: boolean;
  /** Has not been where the others are, since it came. */
  isLate: boolean;
}

/** Fills memory with the committed bytes of an upload from an offset on. */
export type Load = (at: number, into: Uint8Array) => Promise<void>;

/** Where the bytes come from. */
export interface FreshSource {
  readonly reader: FreshReader;
  readonly load: Load;
  /** The rest of the range for one who goes on by itself, where many small reads would cost more than one: a store bills for each. */
  readonly alone?: (rest: ByteRange) => AsyncGenerator<Uint8Array, void, void>;
}

/** The bytes of a range that is committed. */
export async function* readFresh(
  context: Context,
  upload: Upload,
  { reader, load, alone }: FreshSource,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const { clock } = context;
  for (let at = start; at < end; ) {
    const shared = reader.isSlow ? undefined : join(context, upload, load, { start: at, end });
    if (!shared && alone) {
      yield* alone({ start: at, end });
      reader.isSlow = false;
      return;
    }
    try {
      const given = shared
        ? await sharedBytes(shared, { start: at, end })
        : await ownBytes(load, { start: at, end });
      at += given.length;
      const givenAt = clock.monotonic();
      yield given;
      reader.isSlow = clock.monotonic() - givenAt > (shared ? SLOW_MS : QUICK_MS);
    } finally {
      if (shared) leave(context, upload, shared);
    }
  }
}

/** The piece that somebody is at already, or a new one; none where there is no slot for it. */
function join(
  context: Context,
  upload: Upload,
  load: Load,
  { start, end }: ByteRange,
): FreshPiece | undefined {
  const { epoch } = upload.record;
  upload.fresh ??= new Set();
  for (const piece of upload.fresh) {
    if (piece.epoch !== epoch || start < piece.start || start >= piece.end) continue;
    piece.users++;
    return piece;
  }
  const slot = context.readSlots.trySpare();
  if (!slot) return undefined;
  const range = { start, end: Math.min(end, start + slot.memory.length) };
  const loaded = load(start, slot.memory.subarray(0, range.end - start));
  const piece = { ...range, epoch, slot, loaded, users: 1 };
  upload.fresh.add(piece);
  return piece;
}

function leave({ readSlots }: Context, upload: Upload, piece: FreshPiece): void {
  piece.users--;
  if (piece.users > 0) return;
  upload.fresh?.delete(piece);
  readSlots.give(piece.slot);
}

async function sharedBytes(piece: FreshPiece, { start, end }: ByteRange): Promise<Uint8Array> {
  await piece.loaded;
  return piece.slot.memory.subarray(start - piece.start, Math.min(end, piece.end) - piece.start);
}

async function ownBytes(load: Load, { start, end }: ByteRange): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.min(SMALL_SIZE, end - start));
  await load(start, bytes);
  return bytes;
}
