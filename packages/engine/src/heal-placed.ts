// Healing in an object store, where nothing is ever written over: a new object is made of good parts, and the file's record leads there once all of it has been read and is right.
import { isHoldfastError, partCount, partOffset, partSizeAt } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { badPartsOf, noteDamage, noteSound, requireThere } from "./damage.ts";
import { partsOf } from "./kinds.ts";
import { notedParts } from "./mend.ts";
import type { BoundPart } from "./ports.ts";
import { provePart } from "./proof.ts";
import { bytesOf, readObject } from "./read.ts";
import type { FileRecord, Place } from "./records.ts";

/** Where bytes of a part may be had: their pieces, or undefined where there are none of it. */
export interface PartSource {
  /** Told where its bytes are not those of the part. */
  readonly noteBad: (index: number) => Promise<void>;
  readonly pieces: (part: BoundPart) => AsyncIterable<Uint8Array>;
}

/** The stored bytes of a file. */
export function storedSource(context: Context, file: FileRecord): PartSource {
  return {
    noteBad: (index) => noteDamage(context, file, [index]),
    pieces({ index, size }) {
      const start = partOffset(file, index);
      return readObject(context, bytesOf(file), { start, end: start + size });
    },
  };
}

/**
 * Resolves when the file's bytes are right where its record leads, or nothing could be done: then its note stands.
 *
 * Readers never meet anything in between: those who have begun go on with the old object, which stays until the sweep has seen twice that no record leads there. A crash at any point leaves the old
 * object with its note, or the new one without; what the record does not lead to goes with the sweep.
 */
export async function healPlaced(
  context: Context,
  file: FileRecord,
  sources: readonly PartSource[],
): Promise<void> {
  const { uploadId, type, home, place: instead } = file;
  if (instead === undefined) return;
  const noted = notedParts(file);
  // It may have been another server that could not read for a moment.
  const bad = await badPartsOf(context, file, { indexes: noted });
  if (bad.length === 0) return noteSound(context, file, noted);
  const place = await partsOf(context).begin(uploadId, type, home);
  const isWanted = await fill(context, { ...file, place }, sources).catch(async (cause) => {
    await leave(context, file, place);
    throw cause;
  });
  if (!isWanted) return leave(context, file, place);
  // What goes wrong with this nobody knows: the sweep looks at the record again.
  await context.metadata.apply({ kind: "relocate", id: file.id, place, instead });
  const now = await context.metadata.file(file.id);
  // Another server has been quicker.
  if (now?.place !== place) return leave(context, file, place);
  context.log("warn", "file.healed", { file: file.id, parts: bad });
}

/** Makes one object in the file's place, and reads all of it before anybody else does. False where that place is of no use: a part cannot be had, or the file is right again. */
async function fill(
  context: Context,
  file: FileRecord & { readonly place: Place },
  sources: readonly PartSource[],
): Promise<boolean> {
  const parts: BoundPart[] = [];
  for (let index = 0; index < partCount(file); index++) {
    await requireThere(context, file);
    const { digest } = await provePart(context, file, index);
    const part = { index, size: partSizeAt(file, index), digest };
    if (!(await putGood(context, file.place, part, sources))) {
      context.log("error", "file.not-healed", { file: file.id, index });
      return false;
    }
    parts.push(part);
  }
  await partsOf(context).assemble(file.place, parts);
  const [index] = await badPartsOf(context, file);
  if (index !== undefined) {
    context.log("error", "file.not-healed", { file: file.id, index });
    return false;
  }
  // Without a note the sweep takes objects that no record leads to, and this one as well.
  return (await requireThere(context, file)).notes?.damaged !== undefined;
}

/** Whether one of the sources had the part. */
async function putGood(
  context: Context,
  place: Place,
  part: BoundPart,
  sources: readonly PartSource[],
): Promise<boolean> {
  for (const source of sources) {
    if (await putFrom(context, place, part, source)) return true;
    await source.noteBad(part.index);
  }
  return false;
}

/** Tries at a store that is busy, and milliseconds before the second one. */
const TRIES = 4;
const AGAIN_MS = 1000;

/** False where the source has none of these bytes, or others: the store holds what comes to the digest. @throws HoldfastError what the storage throws */
async function putFrom(
  context: Context,
  place: Place,
  part: BoundPart,
  source: PartSource,
): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    let isMissing = false;
    async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
      try {
        yield* source.pieces(part);
      } catch (error) {
        isMissing = isHoldfastError(error) && error.details["isMissing"] === true;
        throw error;
      }
    }
    try {
      await partsOf(context).putPart(place, part, { kind: "stream", pieces: pieces() });
      return true;
    } catch (error) {
      if (isMissing || isOther(error)) return false;
      if (tries === TRIES || context.isDraining) throw error;
      const waitMs = AGAIN_MS * 2 ** (tries - 1);
      await new Promise<void>((resolve) => context.clock.after(waitMs, resolve));
    }
  }
}

function isOther(error: unknown): boolean {
  return isHoldfastError(error) && error.code === "digest_mismatch";
}

/** What cannot be removed now the sweep finds. */
async function leave(context: Context, { id }: FileRecord, place: Place): Promise<void> {
  await partsOf(context)
    .discard(place)
    .catch((cause: unknown) => context.log("warn", "place.left", { file: id, cause }));
}
