// The parts of an upload in its pages: committed, counted, found again.
import type { Limits } from "@holdfast/engine";
import {
  DIGEST_SIZE,
  encodeBase64,
  equalBytes,
  HoldfastError,
  partCount,
  partSizeAt,
} from "@holdfast/protocol";
import { bytesAt, decodePage, kibOf, wholeAt } from "./codec.ts";
import { type Found, requireRoom } from "./found.ts";
import type { PackedParts } from "./packed.ts";
import { createPage, digestIn, PAGE_PARTS, type PartPage, placeOf, setIn } from "./pages.ts";
import type { Tables } from "./tables.ts";

/** @throws HoldfastError `part_conflict`, `quota_exceeded`: before the first row changes. */
export function commitParts(
  tables: Tables,
  upload: Found,
  change: PackedParts & { readonly limits?: Limits },
): void {
  const pages = createPageReader(tables, upload);
  const changed = new Set<PartPage>();
  let kib = 0;
  for (const [at, index] of change.indexes.entries()) {
    const digest = change.digests.subarray(at * DIGEST_SIZE, (at + 1) * DIGEST_SIZE);
    const { page, slot } = pages(index);
    const known = digestIn(page, slot);
    if (known && !equalBytes(known, digest)) throw conflict(index, known);
    if (known) continue;
    setIn(page, slot, digest);
    changed.add(page);
    kib += kibOf(partSizeAt(upload, index));
  }
  if (!upload.hasSize && kib > 0) {
    requireRoom(tables, upload, change.limits, { open: 0, kib });
    tables.addReserved.run({ seq: upload.seq, kib });
  }
  for (const page of changed) putPage(tables, upload, page);
}

export function conflict(index: number, known: Uint8Array): HoldfastError {
  const message = `part ${index} is committed with another digest`;
  return new HoldfastError("part_conflict", message, { index, committed: encodeBase64(known) });
}

/** Reads each page that a change touches once. */
export function createPageReader(
  tables: Tables,
  upload: Found,
): (index: number) => { readonly page: PartPage; readonly slot: number } {
  const count = partCount(upload);
  const read = new Map<number, PartPage>();
  return (index) => {
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new HoldfastError("part_out_of_range", undefined, { partCount: count });
    }
    const { page: number, slot } = placeOf(index);
    const page = read.get(number) ?? findPage(tables, upload, number);
    read.set(number, page);
    return { page, slot };
  };
}

export function findPage(tables: Tables, upload: Found, page: number): PartPage {
  const row = tables.findPage.get({ upload: upload.seq, page });
  return row ? decodePage(row) : createPage(upload, page);
}

export function putPage(tables: Tables, upload: Found, { number, bits, digests }: PartPage): void {
  tables.putPage.run({ upload: upload.seq, page: number, bits, digests });
}

/** The tail goes with its part: the part is committed, or its bytes are bad. */
export function dropTailOf(tables: Tables, upload: Found, indexes: readonly number[]): void {
  const row = tables.findTail.get({ upload: upload.seq });
  if (row && indexes.includes(wholeAt(row, "tail_index")))
    tables.dropTail.run({ upload: upload.seq });
}

/** Parts from 0 on without a gap. Only the bits of the pages are read. */
export function contiguousIn(tables: Tables, { seq }: Found): number {
  let parts = 0;
  for (const row of tables.findBits.iterate({ upload: seq })) {
    if (wholeAt(row, "page") * PAGE_PARTS !== parts) break;
    const inPage = leadingOnes(bytesAt(row, "bits"));
    parts += inPage;
    if (inPage < PAGE_PARTS) break;
  }
  return parts;
}

function leadingOnes(bits: Uint8Array): number {
  const at = bits.findIndex((byte) => byte !== 0xff);
  if (at === -1) return bits.length * 8;
  let count = at * 8;
  for (let byte = bits[at] ?? 0; (byte & 1) === 1; byte >>= 1) count++;
  return count;
}

/** Where the last committed part ends, in bytes. */
export function lastByteIn(tables: Tables, upload: Found): number {
  for (const row of tables.findBitsBackwards.iterate({ upload: upload.seq })) {
    const bits = bytesAt(row, "bits");
    const at = bits.findLastIndex((byte) => byte !== 0);
    if (at === -1) continue;
    const index = wholeAt(row, "page") * PAGE_PARTS + at * 8 + 31 - Math.clz32(bits[at] ?? 0);
    return index * upload.partSize + partSizeAt(upload, index);
  }
  return 0;
}
