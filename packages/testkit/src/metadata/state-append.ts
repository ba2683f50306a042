// What appends and sizes that come later require and do: a part of the executable specification in `apply.ts`.
import type { PartTable, Tail, TailObject, UploadRecord } from "@holdfast/engine";
import {
  contiguousParts,
  DIGEST_SIZE,
  equalBytes,
  type Grid,
  HoldfastError,
  hasPart,
  partCount,
  partSizeAt,
} from "@holdfast/protocol";
import {
  addParts,
  type ChangeOf,
  emptyParts,
  newParts,
  notOpen,
  partsOf,
  type RecordState,
  requireParts,
  requireRoom,
  requireTaking,
  requireToken,
  requireUpload,
  reservedOf,
  wholeKib,
} from "./state.ts";

/** The storage has whole blocks; the rest of a tail stands in its record. */
const BLOCK_SIZE = 4096;

export function append(state: RecordState, change: ChangeOf<"append">): void {
  const upload = requireUpload(state, change.id);
  requireTaking(upload);
  const { size, tail } = change;
  const grid = size === undefined ? upload : withSize(state, upload, { ...change, size });
  const offset = offsetOf(upload, requireParts(state, upload.id));
  if (offset !== change.at) {
    if (offset > change.at && hasHappened(state, upload, grid, change)) return;
    requireToken(upload, change.token);
    throw new HoldfastError("offset_mismatch", undefined, { offset });
  }
  requireToken(upload, change.token);
  // Looked at on a copy: nothing may change before every condition holds.
  const trial = { ...state, uploads: new Map(state.uploads), parts: new Map(state.parts) };
  trial.parts.set(upload.id, structuredClone(requireParts(state, upload.id)));
  resize(trial, grid);
  addParts(trial, grid, newParts(trial, grid, change));
  requireTail(trial, grid, change);
  state.parts.set(upload.id, requireParts(trial, upload.id));
  const { tail: _, ...rest } = grid;
  const expiresAt = Math.max(upload.expiresAt, change.expiresAt);
  const { protocol = "appends" } = upload;
  const told = { ...rest, expiresAt, hasToldOffset: true, protocol };
  state.uploads.set(upload.id, tail ? { ...told, tail } : told);
}

/** Contiguous durable bytes from 0. */
function offsetOf(upload: UploadRecord, { bits }: PartTable): number {
  const parts = contiguousParts({ partCount: partCount(upload), bits });
  return endOf(upload, parts, upload.tail);
}

function endOf(grid: Grid, parts: number, tail: Tail | undefined): number {
  const tailSize = tail?.index === parts ? tail.size : 0;
  return Math.min(grid.size, parts * grid.partSize) + tailSize;
}

/** What it brought is there, and nothing after it. */
function hasHappened(
  state: RecordState,
  upload: UploadRecord,
  grid: UploadRecord,
  { parts, tail }: ChangeOf<"append">,
): boolean {
  if (parts.length === 0 && !tail) return false;
  const { set, digests } = partsOf(state, upload);
  const isThere = parts.every(
    ({ index, digest }) =>
      hasPart(set, index) &&
      equalBytes(digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE), digest),
  );
  return isThere && grid.size === upload.size && isSameTail(upload.tail, tail);
}

function isSameTail(a: Tail | undefined, b: Tail | undefined): boolean {
  if (!a || !b) return a === b;
  const isSame = a.index === b.index && a.size === b.size && equalBytes(a.digest, b.digest);
  return isSame && namesOf(a.objects) === namesOf(b.objects);
}

function namesOf(objects: readonly TailObject[] = []): string {
  return JSON.stringify(objects.map(({ name }) => name));
}

/** The tail lies in the first part that is not committed, and the offset does not go back. */
function requireTail(
  state: RecordState,
  grid: UploadRecord,
  { at, tail }: ChangeOf<"append">,
): void {
  const { bits } = requireParts(state, grid.id);
  const parts = contiguousParts({ partCount: partCount(grid), bits });
  if (tail && grid.hasSize && tail.index * grid.partSize + tail.size >= grid.size) {
    throw new HoldfastError("size_mismatch", undefined, { size: grid.size });
  }
  const isValid =
    !tail ||
    (tail.index === parts &&
      tail.size > 0 &&
      tail.size < partSizeAt(grid, tail.index) &&
      tail.digest.length === DIGEST_SIZE &&
      isWhole(tail));
  if (!isValid || endOf(grid, parts, tail) < at) {
    throw new HoldfastError("internal", "the tail of an append is not where its bytes end");
  }
}

/** The blocks that the storage has and the fragment, or its objects, make up the tail. */
function isWhole({ size, fragment, objects }: Tail): boolean {
  if (!objects) return fragment.length === size % BLOCK_SIZE;
  const sum = objects.reduce((sum, object) => sum + object.size, 0);
  return fragment.length === 0 && sum === size && objects.every((object) => object.size > 0);
}

export function fixSize(state: RecordState, change: ChangeOf<"fix-size">): void {
  const upload = requireUpload(state, change.id);
  if (upload.state !== "open") throw notOpen(upload);
  const grid = withSize(state, upload, change);
  resize(state, grid);
  state.uploads.set(upload.id, grid);
}

/** The upload with its size fixed. Changes nothing. */
function withSize(
  state: RecordState,
  upload: UploadRecord,
  { size, limits }: Pick<ChangeOf<"fix-size">, "size" | "limits">,
): UploadRecord {
  if (upload.hasSize) {
    if (upload.size === size) return upload;
    throw new HoldfastError("size_mismatch", undefined, { size: upload.size });
  }
  if (size > upload.size) {
    throw new HoldfastError("size_too_large", undefined, { limit: upload.size });
  }
  const end = lastByte(state, upload);
  if (end > size) throw new HoldfastError("size_mismatch", undefined, { end });
  const bytes = wholeKib(size) - reservedOf(state, upload);
  requireRoom(state, upload, limits, { open: 0, bytes });
  return { ...upload, size, hasSize: true };
}

/** Where the last part that is committed or bound ends, or the tail. */
function lastByte(state: RecordState, upload: UploadRecord): number {
  const { bound } = partsOf(state, upload);
  const { tail, partSize } = upload;
  let last = bound.partCount - 1;
  while (last >= 0 && !hasPart(bound, last)) last--;
  const parts = last < 0 ? 0 : last * partSize + partSizeAt(upload, last);
  return Math.max(parts, tail ? tail.index * partSize + tail.size : 0);
}

function resize(state: RecordState, grid: UploadRecord): void {
  const table = emptyParts(grid);
  const { bits, bound, digests } = requireParts(state, grid.id);
  table.bits.set(bits.subarray(0, table.bits.length));
  table.bound.set(bound.subarray(0, table.bound.length));
  table.digests.set(digests.subarray(0, table.digests.length));
  state.parts.set(grid.id, table);
}

export function tell(state: RecordState, { id }: ChangeOf<"told">): void {
  const upload = requireUpload(state, id);
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  state.uploads.set(id, { ...upload, hasToldOffset: true });
}
