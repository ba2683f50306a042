// Committed bytes of an upload on a disk before they are a file's: whole blocks are in the storage, the fragment behind them is in the record. Where many follow, the kernel sends what all of them want.
import { type ByteRange, HoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { type FreshReader, type Load, readFresh } from "./fresh.ts";
import { regionsOf } from "./kinds.ts";
import type { Outlet, ReadOrigin } from "./ports.ts";
import { SMALL_SIZE } from "./read.ts";
import { sendStraight } from "./straight.ts";
import { blocksOf } from "./tail.ts";
import type { Upload } from "./upload.ts";

/** From so many readers on it is worth it to bring what has come to where the kernel can send it from. */
const MANY = 4;

/** The bytes of a range that is committed, through memory that all share who are at the same place. */
export async function* readGrown(
  context: Context,
  upload: Upload,
  reader: FreshReader,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const fragmentAt = storedEnd(upload, { start, end });
  const fragment = fragmentOf(upload, { start: Math.max(start, fragmentAt), end });
  const load: Load = (at, into) => loadBlocks(context, upload, at, into);
  yield* readFresh(context, upload, { reader, load }, { start, end: fragmentAt });
  if (fragment.length > 0) yield fragment;
}

/** Some bytes of a range that is committed, as many as fit a little memory: for a connection that the kernel could send no more to. */
export async function readLittle(
  context: Context,
  upload: Upload,
  { start, end }: ByteRange,
): Promise<Uint8Array> {
  const fragmentAt = storedEnd(upload, { start, end });
  if (start >= fragmentAt) return fragmentOf(upload, { start, end });
  const into = new Uint8Array(Math.min(SMALL_SIZE, fragmentAt - start));
  await loadBlocks(context, upload, start, into, "shared");
  return into;
}

/** How many bytes of a range that is committed the kernel has sent; undefined, at once or later, where they have to be read. */
export function sendGrown(
  context: Context,
  upload: Upload,
  outlet: Outlet,
  { start, end }: ByteRange,
): Promise<number | undefined> | undefined {
  if (!context.send || context.storage.kind === "parts" || upload.readers < MANY) return undefined;
  const stored = storedEnd(upload, { start, end });
  if (stored <= start) return undefined;
  const object = { id: upload.record.id, kind: "bytes" } as const;
  return sendStraight(context, object, { start, end: stored }, outlet, "growing");
}

/** Where in a range the storage has no more, and the record has the rest. */
function storedEnd({ record }: Upload, { start, end }: ByteRange): number {
  const { tail, partSize } = record;
  const tailAt = (tail?.index ?? 0) * partSize;
  // What lies behind a gap lies behind the tail.
  if (!tail || start >= tailAt + tail.size) return end;
  return Math.min(end, tailAt + blocksOf(tail.size));
}

function fragmentOf({ record: { tail, partSize } }: Upload, { start, end }: ByteRange): Uint8Array {
  if (!tail || start >= end) return NOTHING;
  const fragmentAt = tail.index * partSize + blocksOf(tail.size);
  return tail.fragment.slice(start - fragmentAt, end - fragmentAt);
}

const NOTHING = new Uint8Array();

async function loadBlocks(
  context: Context,
  { record: { id } }: Upload,
  start: number,
  into: Uint8Array,
  origin?: ReadOrigin,
): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const rest = into.subarray(at);
    const object = { id, kind: "bytes" } as const;
    const size = await regionsOf(context).read(object, start + at, rest, origin);
    if (size === 0) throw new HoldfastError("storage_failed", "stored bytes are missing");
    at += size;
  }
}
