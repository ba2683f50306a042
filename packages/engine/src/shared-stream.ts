// Streams from a store that all who are at the same place read on, a piece at a time: a request for each part, not for each piece, and none that waits for the one before.
import { type ByteRange, HoldfastError } from "@holdfast/protocol";
import type { Pieces } from "./pieces.ts";
import type { Upload } from "./upload.ts";

/** One that nobody reads at the moment. */
export interface SharedStream {
  readonly epoch: number;
  readonly pieces: Pieces;
  /** Offset of its next byte, and of where it ends. */
  at: number;
  readonly end: number;
  /** What came and was not asked for yet. */
  rest: Uint8Array;
}

/** Readers who are each at another place have so many kept for them; more begin anew with each piece. */
const KEPT_MAX = 4;
const NOTHING = new Uint8Array();

/** Fills memory with the bytes from an offset on, and keeps what it took them from for whoever asks for those that follow, up to `end`. */
export async function readOn(
  upload: Upload,
  { start, end }: ByteRange,
  into: Uint8Array,
  open: (range: ByteRange) => Pieces,
): Promise<void> {
  const { epoch } = upload.record;
  for (let filled = 0; filled < into.length; ) {
    const at = start + filled;
    const pieces = () => open({ start: at, end });
    const stream = take(upload, epoch, at) ?? { epoch, pieces: pieces(), at, end, rest: NOTHING };
    filled += await fill(stream, into.subarray(filled));
    if (stream.at < stream.end) keep(upload, stream);
    // It has nothing more to give, and lets go of its connection.
    else await stream.pieces.next();
  }
}

/** Ends those that are kept. */
export function dropStreams(upload: Upload): void {
  for (const stream of upload.shared ?? []) drop(upload, stream);
}

function take({ shared }: Upload, epoch: number, at: number): SharedStream | undefined {
  for (const stream of shared ?? []) {
    if (stream.epoch !== epoch || stream.at !== at) continue;
    shared?.delete(stream);
    return stream;
  }
  return undefined;
}

function keep(upload: Upload, stream: SharedStream): void {
  upload.shared ??= new Set();
  upload.shared.add(stream);
  const [oldest] = upload.shared;
  if (oldest && (upload.shared.size > KEPT_MAX || upload.readers === 0)) drop(upload, oldest);
}

function drop({ shared }: Upload, stream: SharedStream): void {
  shared?.delete(stream);
  // Nobody waits for it.
  stream.pieces.return().catch(() => undefined);
}

async function fill(stream: SharedStream, into: Uint8Array): Promise<number> {
  const size = Math.min(into.length, stream.end - stream.at);
  for (let filled = 0; filled < size; ) {
    if (stream.rest.length === 0) {
      const next = await stream.pieces.next();
      if (next.done) throw new HoldfastError("storage_failed", "bytes are missing");
      stream.rest = next.value;
    }
    const piece = stream.rest.subarray(0, size - filled);
    into.set(piece, filled);
    filled += piece.length;
    stream.rest = stream.rest.subarray(piece.length);
  }
  stream.at += size;
  return size;
}
