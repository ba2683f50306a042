// What appends do to the tables, and sizes that come later.
import type { Tail, TailObject } from "@holdfast/engine";
import { DIGEST_SIZE, equalBytes, HoldfastError, partCount, partSizeAt } from "@holdfast/protocol";
import { decodeTail, encodeTail, kibOf } from "./codec.ts";
import {
  type ChangeOf,
  type Found,
  requireRoomOf,
  requireState,
  requireTaking,
  requireToken,
  requireUpload,
} from "./found.ts";
import { digestIn, isCommittedIn } from "./pages.ts";
import { commitParts, contiguousIn, createPageReader, lastByteIn } from "./parts.ts";
import type { Tables } from "./tables.ts";

/** The storage has whole blocks; the rest of a tail stands in its record. */
const BLOCK_SIZE = 4096;

export function append(tables: Tables, change: ChangeOf<"append">): void {
  const upload = requireUpload(tables, change.id);
  requireTaking(upload);
  const { seq } = upload;
  const { size, tail, at } = change;
  const known = findTail(tables, upload);
  const grid = size === undefined ? upload : withSize(tables, upload, known, { ...change, size });
  const offset = endOf(upload, contiguousIn(tables, upload), known);
  if (offset !== at) {
    if (offset > at && hasHappened(tables, upload, known, grid, change)) return;
    requireToken(tables, upload, change.token);
    throw new HoldfastError("offset_mismatch", undefined, { offset });
  }
  requireToken(tables, upload, change.token);
  putSize(tables, upload, grid);
  commitParts(tables, grid, change);
  const parts = contiguousIn(tables, grid);
  if (tail && grid.hasSize && lastOf(grid, tail) >= grid.size) throw sizeMismatch(grid);
  if (!isTailOf(grid, parts, tail) || endOf(grid, parts, tail) < at) {
    throw new HoldfastError("internal", "the tail of an append is not where its bytes end");
  }
  if (tail) tables.putTail.run(encodeTail(seq, tail));
  else tables.dropTail.run({ upload: seq });
  tables.setTold.run({ seq });
  tables.setCame.run({ seq, expires_at: change.expiresAt, protocol: "appends" });
}

function findTail(tables: Tables, { seq }: Found): Tail | undefined {
  const row = tables.findTail.get({ upload: seq });
  return row && decodeTail(row);
}

/** Contiguous durable bytes from 0. */
function endOf({ size, partSize }: Found, parts: number, tail: Tail | undefined): number {
  return Math.min(size, parts * partSize) + (tail?.index === parts ? tail.size : 0);
}

/** What it brought is there, and nothing after it. */
function hasHappened(
  tables: Tables,
  upload: Found,
  known: Tail | undefined,
  grid: Found,
  { indexes, digests, tail }: ChangeOf<"append">,
): boolean {
  if (indexes.length === 0 && !tail) return false;
  const pages = createPageReader(tables, upload);
  const isThere = indexes.every((index, at) => {
    if (index < 0 || index >= partCount(upload)) return false;
    const { page, slot } = pages(index);
    // One that is only bound has not come yet.
    if (!isCommittedIn(page, slot)) return false;
    const digest = digestIn(page, slot);
    return digest && equalBytes(digest, digests.subarray(at * DIGEST_SIZE, (at + 1) * DIGEST_SIZE));
  });
  return isThere && grid.size === upload.size && isSameTail(known, tail);
}

function isSameTail(a: Tail | undefined, b: Tail | undefined): boolean {
  if (!a || !b) return a === b;
  const isSame = a.index === b.index && a.size === b.size && equalBytes(a.digest, b.digest);
  return isSame && namesOf(a.objects) === namesOf(b.objects);
}

function namesOf(objects: readonly TailObject[] = []): string {
  return JSON.stringify(objects.map(({ name }) => name));
}

/** It lies in the first part that is not committed. */
function isTailOf(grid: Found, parts: number, tail: Tail | undefined): boolean {
  if (!tail) return true;
  const { index, size, digest } = tail;
  const isWithin = index === parts && size > 0 && size < partSizeAt(grid, index);
  return isWithin && digest.length === DIGEST_SIZE && isWhole(tail);
}

/** Where a tail ends, in bytes from 0. */
function lastOf({ partSize }: Found, { index, size }: Tail): number {
  return index * partSize + size;
}

function sizeMismatch({ size }: Found): HoldfastError {
  return new HoldfastError("size_mismatch", undefined, { size });
}

/** The blocks that the storage has and the fragment, or its objects, make up the tail. */
function isWhole({ size, fragment, objects }: Tail): boolean {
  if (!objects) return fragment.length === size % BLOCK_SIZE;
  const sum = objects.reduce((sum, object) => sum + object.size, 0);
  return fragment.length === 0 && sum === size && objects.every((object) => object.size > 0);
}

export function fixSize(tables: Tables, change: ChangeOf<"fix-size">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "open");
  const grid = withSize(tables, upload, findTail(tables, upload), change);
  if (grid === upload) return;
  putSize(tables, upload, grid);
  tables.raiseVersion.run({ seq: upload.seq });
}

/** The upload with its size fixed. Changes nothing. */
function withSize(
  tables: Tables,
  upload: Found,
  tail: Tail | undefined,
  { size, limits }: Pick<ChangeOf<"fix-size">, "size" | "limits">,
): Found {
  if (upload.hasSize) {
    if (upload.size === size) return upload;
    throw sizeMismatch(upload);
  }
  if (size > upload.size) {
    throw new HoldfastError("size_too_large", undefined, { limit: upload.size });
  }
  const tailEnd = tail ? lastOf(upload, tail) : 0;
  const end = Math.max(lastByteIn(tables, upload), tailEnd);
  if (end > size) throw new HoldfastError("size_mismatch", undefined, { end });
  const kib = kibOf(size) - upload.reservedKib;
  requireRoomOf(tables, upload, limits, { open: 0, kib });
  return { ...upload, size, hasSize: true };
}

function putSize(tables: Tables, upload: Found, { seq, size, hasSize }: Found): void {
  if (hasSize && !upload.hasSize) tables.setSize.run({ seq, size, kib: kibOf(size) });
}

export function tell(tables: Tables, { id }: ChangeOf<"told">): void {
  const upload = requireUpload(tables, id);
  requireState(upload, "open", "completing");
  tables.setTold.run({ seq: upload.seq });
  tables.raiseVersion.run({ seq: upload.seq });
}
