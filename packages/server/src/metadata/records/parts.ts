// The parts of an upload in its pages: committed, counted, found again.
import type { Limits, Place, TailDigest } from "@holdfast/engine";
import {
  DIGEST_SIZE,
  encodeBase64,
  equalBytes,
  HoldfastError,
  partCount,
  partSizeAt,
} from "@holdfast/protocol";
import { boundAt, bytesAt, decodePage, decodeTail, encodePage, kibOf, wholeAt } from "./codec.ts";
import { type Found, notOpen, requireRoomOf } from "./found.ts";
import type { PackedParts } from "./packed.ts";
import {
  bindIn,
  commitIn,
  createPage,
  digestIn,
  isCommittedIn,
  type PartPage,
  placeOf,
} from "./pages.ts";
import type { Tables } from "./tables.ts";

/** @throws HoldfastError `part_conflict`, `quota_exceeded`, `upload_not_open` where the bytes lie elsewhere: before the first row changes. */
export function commitParts(
  tables: Tables,
  upload: Found,
  change: PackedParts & { readonly place?: Place | undefined; readonly limits?: Limits },
): void {
  if (change.indexes.length > 0 && change.place !== upload.place) throw notOpen(upload);
  const pages = createPageReader(tables, upload);
  const changed = new Set<PartPage>();
  let kib = 0;
  for (const [at, index] of change.indexes.entries()) {
    const digest = digestOf(change, at);
    const { page, slot } = pages(index);
    requireDigest(page, slot, index, digest);
    if (isCommittedIn(page, slot)) continue;
    commitIn(page, slot, digest);
    changed.add(page);
    kib += kibOf(partSizeAt(upload, index));
  }
  if (!upload.hasSize && kib > 0) {
    requireRoomOf(tables, upload, change.limits, { open: 0, kib });
    tables.addReserved.run({ seq: upload.seq, kib });
  }
  for (const page of changed) putPage(tables, upload, page);
}

/** @throws HoldfastError `part_conflict`: before the first row changes. */
export function bindParts(tables: Tables, upload: Found, change: PackedParts): void {
  const pages = createPageReader(tables, upload);
  const changed = new Set<PartPage>();
  for (const [at, index] of change.indexes.entries()) {
    const digest = digestOf(change, at);
    const { page, slot } = pages(index);
    if (requireDigest(page, slot, index, digest) === "same") continue;
    bindIn(page, slot, digest);
    changed.add(page);
  }
  for (const page of changed) putPage(tables, upload, page);
}

function digestOf({ digests }: PackedParts, at: number): Uint8Array {
  return digests.subarray(at * DIGEST_SIZE, (at + 1) * DIGEST_SIZE);
}

function requireDigest(
  page: PartPage,
  slot: number,
  index: number,
  digest: Uint8Array,
): "same" | "none" {
  const known = digestIn(page, slot);
  if (!known) return "none";
  if (equalBytes(known, digest)) return "same";
  const isCommitted = isCommittedIn(page, slot);
  const message = `part ${index} is ${isCommitted ? "committed with" : "bound to"} another digest`;
  const text = encodeBase64(known);
  const details = isCommitted ? { committed: text } : { committed: false, bound: text };
  throw new HoldfastError("part_conflict", message, { index, ...details });
}

/** @throws HoldfastError `size_mismatch`: a digest is over as many bytes as its part had for whoever made it. */
export function requireSizes(upload: Found, { size, indexes }: BoundParts): void {
  if (size === upload.size) return;
  const known = { size, partSize: upload.partSize };
  if (indexes.every((index) => partSizeAt(known, index) === partSizeAt(upload, index))) return;
  throw new HoldfastError("size_mismatch", undefined, { size: upload.size });
}

type BoundParts = Pick<PackedParts, "indexes"> & { readonly size: number };

/** @throws HoldfastError `append_in_progress` where a part stands for a tail that its bytes were not compared with. */
export function requireCompared(
  tables: Tables,
  upload: Found,
  { indexes, compared = [] }: PackedParts & { readonly compared?: readonly TailDigest[] },
): void {
  if (!upload.hasToldOffset) return;
  const row = tables.findTail.get({ upload: upload.seq });
  if (!row || !indexes.includes(wholeAt(row, "tail_index"))) return;
  const tail = decodeTail(row);
  if (!tail || compared.some((one) => isSameTail(one, tail))) return;
  throw new HoldfastError("append_in_progress", undefined, { index: tail.index });
}

function isSameTail(a: TailDigest, b: TailDigest): boolean {
  return a.index === b.index && a.size === b.size && equalBytes(a.digest, b.digest);
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
    const { page: number, slot } = placeOf(index, tables.pageParts);
    const page = read.get(number) ?? findPage(tables, upload, number);
    read.set(number, page);
    return { page, slot };
  };
}

function findPage(tables: Tables, upload: Found, page: number): PartPage {
  const row = tables.findPage.get({ upload: upload.seq, page });
  return row ? decodePage(row) : createPage(upload, page, tables.pageParts);
}

export function putPage(tables: Tables, upload: Found, page: PartPage): void {
  tables.putPage.run(encodePage(upload.seq, page));
}

export function hasCommitted(tables: Tables, { seq }: Found): boolean {
  for (const row of tables.findBits.iterate({ upload: seq })) {
    if (bytesAt(row, "bits").some((byte) => byte !== 0)) return true;
  }
  return false;
}

/** The parts of a page whose bits are set. */
export function indexesIn(
  { pageParts }: Tables,
  page: number,
  bits: Uint8Array,
): readonly number[] {
  const slots = Array.from({ length: bits.length * 8 }, (_, slot) => slot);
  const isSet = (slot: number) => ((bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  return slots.filter(isSet).map((slot) => page * pageParts + slot);
}

/** The tail goes with its part: the part is committed, or its bytes are bad. What was never appended to has none. */
export function dropTailOf(tables: Tables, upload: Found, indexes: readonly number[]): void {
  if (!upload.hasToldOffset) return;
  const row = tables.findTail.get({ upload: upload.seq });
  if (row && indexes.includes(wholeAt(row, "tail_index")))
    tables.dropTail.run({ upload: upload.seq });
}

/** Parts from 0 on without a gap. Only the bits of the pages are read. */
export function contiguousIn(tables: Tables, { seq }: Found): number {
  let parts = 0;
  for (const row of tables.findBits.iterate({ upload: seq })) {
    if (wholeAt(row, "page") * tables.pageParts !== parts) break;
    const inPage = leadingOnes(bytesAt(row, "bits"));
    parts += inPage;
    if (inPage < tables.pageParts) break;
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

/** Where the last part ends that is committed or bound, in bytes. */
export function lastByteIn(tables: Tables, upload: Found): number {
  for (const row of tables.findBitsBackwards.iterate({ upload: upload.seq })) {
    const bits = boundAt(row);
    const at = bits.findLastIndex((byte) => byte !== 0);
    if (at === -1) continue;
    const first = wholeAt(row, "page") * tables.pageParts;
    const index = first + at * 8 + 31 - Math.clz32(bits[at] ?? 0);
    return index * upload.partSize + partSizeAt(upload, index);
  }
  return 0;
}
