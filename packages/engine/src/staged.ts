// Committed bytes of an upload whose parts are objects of their own in a store until they are one. Who reads alone, comes late or keeps the others waiting, has a stream of its own, as of a file there; several share what they fetch.
import { type ByteRange, HoldfastError, hasPart, partOffset } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { type FreshReader, type Load, readFresh } from "./fresh.ts";
import { partsOf } from "./kinds.ts";
import type { PlacedObject } from "./ports.ts";
import { refresh } from "./refresh.ts";
import { readOn } from "./shared-stream.ts";
import type { Upload } from "./upload.ts";

/** The bytes of a range that is committed, in order. @throws HoldfastError as `streamOf` says */
export async function* readStaged(
  context: Context,
  upload: Upload,
  reader: FreshReader,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  const alone = (rest: ByteRange) => streamOf(context, upload, rest);
  reader.isLate &&= range.end - range.start > LATE_PARTS * upload.record.partSize;
  if (upload.readers > 1 && !(reader.isLate && upload.streams < STREAMS_MAX)) {
    const load: Load = (at, into) => readOn(upload, { start: at, end: range.end }, into, alone);
    return yield* readFresh(context, upload, { reader, load, alone }, range);
  }
  upload.streams++;
  try {
    yield* alone(range);
  } finally {
    upload.streams--;
  }
  reader.isSlow = false;
}

/** Whoever comes when there is more than this has a stream of its own until it is where the others are: one request for each part, not one for each piece. */
const LATE_PARTS = 2;
/** But not more than so many at once: a crowd that comes late shares. */
const STREAMS_MAX = 4;

/**
 * An object may go while it is looked for: the upload has become one object, or its tail is in other ones by now. So what is not there is looked for again where the newest record has it.
 * @throws HoldfastError `storage_failed` where it is nowhere; `upload_not_found`; what the storage throws
 */
async function* streamOf(
  context: Context,
  upload: Upload,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  let looks = 0;
  for (let at = start; at < end; ) {
    const before = at;
    for (const { object, offset, until } of holdersOf(upload, at)) {
      const stop = Math.min(end, until);
      const range = { start: at - offset, end: stop - offset };
      for await (const piece of partsOf(context).objects.read(object, range)) {
        yield piece;
        at += piece.length;
      }
      if (at >= stop) break;
    }
    if (at > before) looks = 0;
    else if (looks++ === LOOKS) throw new HoldfastError("storage_failed", "bytes are missing");
    else if (context.host !== undefined) await refresh(context, upload);
  }
}

/** Looks for bytes that were not where the record had them: it may have changed each time. */
const LOOKS = 3;

interface Holder {
  readonly object: PlacedObject;
  /** Where in the upload its first byte is. */
  readonly offset: number;
  /** Where it ends there. */
  readonly until: number;
}

/** What may have the byte at an offset, and those behind it: first where it is while the upload grows, then where it is once that is one object. */
function holdersOf({ record, committed }: Upload, at: number): readonly Holder[] {
  const { id, home, place, size, partSize, tail } = record;
  if (place === undefined) return [];
  const index = Math.floor(at / partSize);
  const whole = { object: { kind: "bytes", place }, offset: 0, until: size } as const;
  if (hasPart(committed, index)) {
    const offset = partOffset(record, index);
    const until = Math.min(offset + partSize, size);
    return [{ object: { kind: "part", place, index }, offset, until }, whole];
  }
  let offset = index * partSize;
  for (const { name, size } of (tail?.index === index && tail.objects) || []) {
    const until = offset + size;
    if (at < until) return [{ object: { kind: "tail", id, name, home }, offset, until }];
    offset = until;
  }
  return [];
}
