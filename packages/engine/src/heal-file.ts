// A file of which stored bytes are bad is healed by the same file that was uploaded again: its bytes stand in for those that rotted.
import { equalBytes, isHoldfastError, partCount } from "@holdfast/protocol";
import { type Context, doWork } from "./context.ts";
import { badPartsOf, isSound, noteDamage, requireThere } from "./damage.ts";
import { allDue } from "./due.ts";
import { healPlaced, storedSource } from "./heal-placed.ts";
import { regionsOf } from "./kinds.ts";
import { mending, notedParts, settle } from "./mend.ts";
import type { FileRecord } from "./records.ts";

/**
 * Begins to heal every damaged file of the same tenant with the same root, beside whoever has uploaded this one. What is cut off is done again by the next such upload, or the sweep.
 */
export function healTwins(context: Context, twin: FileRecord): void {
  if (context.isDraining) return;
  const work = async () => {
    for await (const { fileId, size } of allDue(context.metadata, "damaged")) {
      // Of a disk that rots there may be thousands, and this is asked for each small file.
      if (size !== twin.size) continue;
      const file = fileId && (await context.metadata.file(fileId));
      if (file && isTwin(file, twin)) await healFile(context, file, twin);
    }
  };
  doWork(context, work).catch((cause: unknown) => failed(context, twin, cause));
}

/** For the sweep: what could be healed and was not, because the server was ended in between. Looks through the newest files of each tenant that has a damaged one. */
export async function healLeft(context: Context): Promise<void> {
  for await (const { fileId } of allDue(context.metadata, "damaged")) {
    const file = fileId && (await context.metadata.file(fileId));
    if (!file) continue;
    const { tenant } = file;
    const page = await context.metadata.files({ tenant, limit: LOOKED_AT_MAX });
    const twins = page.filter((other) => isTwin(file, other));
    const twin =
      twins.find(({ notes }) => !notes?.damaged) ?? twins.find((one) => hasItsBad(one, file));
    if (twin) await healFile(context, file, twin).catch((cause) => failed(context, file, cause));
  }
}

/** The newest files of a tenant, among which another one of the same bytes is looked for. */
export const LOOKED_AT_MAX = 1_000;

/** Whether nothing is known to be bad in both: each has rotted by itself. */
function hasItsBad(twin: FileRecord, file: FileRecord): boolean {
  const bad = new Set(notedParts(file));
  return !notedParts(twin).some((index) => bad.has(index));
}

export function isTwin(file: FileRecord, other: FileRecord): boolean {
  const isSame = file.tenant === other.tenant && equalBytes(file.root, other.root);
  return file.id !== other.id && file.state === "available" && isSame;
}

function healFile(context: Context, file: FileRecord, twin: FileRecord): Promise<void> {
  return mending(context, file, () => {
    if (context.storage.kind === "regions") return heal(context, file, twin);
    // What is bad there may be right here: each has rotted by itself.
    const sources = [twin, file].map((one) => storedSource(context, one));
    return healPlaced(context, file, sources);
  });
}

/**
 * On a disk. Looks at all of the file, since what was read of it need not be all that is bad; notes what is bad before the first byte is written, since a file whose bytes were gone
 * altogether has zeros then where nobody has looked; writes, flushes, and looks at the medium before it counts as healed.
 */
async function heal(context: Context, file: FileRecord, twin: FileRecord): Promise<void> {
  const { metadata, log } = context;
  const noted = notedParts(file);
  const shown = await badPartsOf(context, file);
  // What an attempt before this one has written, and could not flush, the cache shows and the medium does not have.
  const stored = await badPartsOf(context, file, { indexes: noted, origin: "medium" });
  const bad = [...new Set([...shown, ...stored])];
  for (const index of bad) {
    if (await isSound(context, twin, index)) continue;
    log("error", "file.not-healed", { file: file.id, by: twin.id, index });
    await noteDamage(context, twin, [index]);
    return regionsOf(context).seal(file.uploadId, file.size);
  }
  if (bad.length > 0) {
    await metadata.apply({ kind: "note", id: file.id, note: { kind: "damaged", indexes: bad } });
    const storage = regionsOf(context);
    for (const index of bad) {
      await requireThere(context, file);
      await copyPart(context, file, twin, index);
    }
    await storage.flush(file.uploadId);
  }
  await settle(context, file, [...new Set([...noted, ...bad])]);
  const { notes } = await requireThere(context, file);
  if (!notes?.damaged) log("warn", "file.healed", { file: file.id, by: twin.id, parts: bad });
}

/** A slot at a time; the storage wants whole blocks, and parts are some. */
async function copyPart(
  context: Context,
  file: FileRecord,
  twin: FileRecord,
  index: number,
): Promise<void> {
  const storage = regionsOf(context);
  const slot = await context.readSlots.take();
  try {
    const isLast = index === partCount(file) - 1;
    const end = isLast ? file.size : (index + 1) * file.partSize;
    for (let at = index * file.partSize; at < end; ) {
      const size = Math.min(slot.memory.length, end - at);
      const into = slot.memory.subarray(0, size);
      for (let filled = 0; filled < size; ) {
        const object = { id: twin.uploadId, kind: "bytes" } as const;
        const read = await storage.read(object, at + filled, into.subarray(filled));
        if (read === 0) return;
        filled += read;
      }
      await storage.write(file.uploadId, at, slot, size);
      at += size;
    }
  } finally {
    context.readSlots.give(slot);
  }
}

/** Ended with the server, or with the file: nothing has gone wrong. */
const ENDS: ReadonlySet<string> = new Set(["shutting_down", "file_not_found"]);

export function isEnd(cause: unknown): boolean {
  return isHoldfastError(cause) && ENDS.has(cause.code);
}

function failed({ log }: Context, { id }: FileRecord, cause: unknown): void {
  if (isEnd(cause)) return;
  log("error", "file.not-healed", { file: id, cause });
}
