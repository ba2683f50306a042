// Reads stored parts once more, past every cache, and hashes them beside the event loop.
import { DIGEST_SIZE, equalBytes, HoldfastError, partOffset, partSizeAt } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { PartStorage, Scan } from "./ports.ts";
import type { UploadRecord } from "./records.ts";
import type { Slot } from "./slots.ts";
import type { Upload } from "./upload.ts";

export interface ScanWish {
  /** In order. */
  readonly indexes: Iterable<number>;
  /** Whether each part is compared with its digest. */
  readonly hasParts: boolean;
  /** Whether the SHA-256 of all these bytes together is wanted. */
  readonly hasWhole: boolean;
  /** Asked before each piece; what it throws ends the scan. */
  readonly requireGoing?: () => void;
}

export interface Scanned {
  /** Parts whose stored bytes do not have their digest, or are not there. */
  readonly bad: readonly number[];
  readonly whole: Uint8Array;
}

/** @throws what reading threw, or `requireGoing`. */
export async function scanParts(
  context: Context,
  upload: Upload,
  { indexes, hasParts, hasWhole, requireGoing = () => undefined }: ScanWish,
): Promise<Scanned> {
  const { algorithm } = upload.record;
  const scan = context.digests.scan({ hasWhole, ...(hasParts ? { parts: algorithm } : {}) });
  const bad: number[] = [];
  const slot = await context.readSlots.take();
  try {
    const compared: Promise<void>[] = [];
    for (const index of indexes) {
      await feedPart(context, upload, index, { scan, slot, requireGoing });
      if (!hasParts) continue;
      const expected = digestAt(upload, index);
      const compare = (digest: Uint8Array): void => {
        if (!equalBytes(digest, expected)) bad.push(index);
      };
      const comparing = scan.endPart().then(compare);
      // Whoever waits hears of a failure; where feeding fails first, nobody does.
      comparing.catch(() => undefined);
      compared.push(comparing);
      if (compared.length === COMPARED_MAX) await Promise.all(compared.splice(0));
    }
    await Promise.all(compared);
    return { bad, whole: await scan.end() };
  } finally {
    context.readSlots.give(slot);
    scan.close();
  }
}

/** Comparisons that may be on their way at once. */
const COMPARED_MAX = 64;

interface Feeding {
  readonly scan: Scan;
  readonly slot: Slot;
  readonly requireGoing: () => void;
}

/** What is not there is left out: such a part has another digest, and so has the whole. */
async function feedPart(
  context: Context,
  { record }: Upload,
  index: number,
  { scan, slot, requireGoing }: Feeding,
): Promise<void> {
  const { storage } = context;
  if (storage.kind === "parts") return feedPlaced(storage, record, index, { scan, requireGoing });
  const object = { id: record.id, kind: "bytes" } as const;
  const size = partSizeAt(record, index);
  for (let at = 0; at < size; ) {
    requireGoing();
    const into = slot.memory.subarray(0, Math.min(slot.memory.length, size - at));
    const from = partOffset(record, index) + at;
    const read = await storage.read(object, from, into, "medium");
    if (read === 0) return;
    await scan.update(into.subarray(0, read));
    at += read;
  }
}

/** An object store has no cache that could lie: a request for each part, so that none of them holds a connection for long. */
async function feedPlaced(
  storage: PartStorage,
  { place, ...grid }: UploadRecord,
  index: number,
  { scan, requireGoing }: Pick<Feeding, "scan" | "requireGoing">,
): Promise<void> {
  if (place === undefined) return;
  const start = partOffset(grid, index);
  const range = { start, end: start + partSizeAt(grid, index) };
  for await (const piece of storage.objects.read({ kind: "bytes", place }, range)) {
    requireGoing();
    await scan.update(piece);
  }
}

function digestAt({ digests }: Upload, index: number): Uint8Array {
  return digests.slice(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

/** What ends a scan because the server does. */
export function requireNotDraining(context: Context): void {
  if (context.isDraining) throw new HoldfastError("shutting_down");
}
