// The grid of an upload: equal parts, the last one shorter, fixed at create.
import { HoldfastError } from "./errors.ts";

export const KIB = 1024;
export const MIB: number = 1024 * KIB;

/** Every part size is a multiple of this, in bytes. */
export const PART_SIZE_STEP: number = 256 * KIB;
/** The part size a server proposes where nothing asks for another, in bytes. */
export const PART_SIZE_DEFAULT: number = MIB;
/** Parts that one request may carry. */
export const RUN_PARTS_MAX = 64;
/** Parts that any upload may have, above what every storage takes: what claims more is not read, so that a few bytes from the network cannot ask for much memory. */
export const PART_COUNT_MAX = 1_000_000;
/** Bytes that any part may have, above which no store takes one: whoever reads a file has a part of it in memory. */
export const PART_SIZE_MAX: number = 5 * 1024 * MIB;
/** The largest size that every number on the wire can express exactly, in bytes. */
export const SIZE_MAX: number = Number.MAX_SAFE_INTEGER;

export interface Grid {
  /** Size of the whole, in bytes. */
  readonly size: number;
  /** Size of each part but the last, in bytes. */
  readonly partSize: number;
}

/** What a storage can take; data, probed where stores differ. Sizes in bytes. */
export interface GridLimits {
  readonly partSizeMin: number;
  readonly partSizeMax: number;
  readonly partCountMax: number;
  readonly sizeMax: number;
}

/** Number of parts; 0 for an empty file. Exact for every size on the wire: a quotient can round to a whole number only above 2^53. */
export function partCount(grid: Grid): number {
  return Math.ceil(grid.size / grid.partSize);
}

/** Byte at which a part begins. */
export function partOffset(grid: Grid, index: number): number {
  return index * grid.partSize;
}

/** Size of one part in bytes; the last one may be shorter. */
export function partSizeAt(grid: Grid, index: number): number {
  return Math.min(grid.partSize, grid.size - partOffset(grid, index));
}

/** Bytes of the parts `start` (inclusive) to `end` (exclusive). */
export function runSize(grid: Grid, start: number, end: number): number {
  return start >= end ? 0 : Math.min(end * grid.partSize, grid.size) - start * grid.partSize;
}

/**
 * Chooses the part size of an upload, in bytes: what was asked for, or the default grown by powers of two until the parts fit.
 *
 * @throws HoldfastError `invalid_request` if the size or the wish is no valid number; `size_too_large` if no grid can hold the size.
 */
export function choosePartSize(size: number, limits: GridLimits, wish?: number): number {
  requireSize(size, limits);
  if (wish !== undefined) return checkedWish(size, limits, wish);
  let fitting = PART_SIZE_DEFAULT;
  while (size / fitting > limits.partCountMax) fitting *= 2;
  const partSize = Math.max(fitting, ceilToStep(limits.partSizeMin));
  if (partSize > limits.partSizeMax) throw tooLarge(limits);
  return partSize;
}

function requireSize(size: number, limits: GridLimits): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new HoldfastError(
      "invalid_request",
      "size must be a whole number of bytes from 0 to 2^53 - 1",
      { field: "size" },
    );
  }
  if (size > limits.sizeMax) throw tooLarge(limits);
}

function checkedWish(size: number, limits: GridLimits, wish: number): number {
  const fits = Number.isSafeInteger(wish) && wish % PART_SIZE_STEP === 0 && wish >= PART_SIZE_STEP;
  if (!fits || wish < limits.partSizeMin || wish > limits.partSizeMax) {
    const { partSizeMin, partSizeMax } = limits;
    throw new HoldfastError(
      "invalid_request",
      `partSize must be a multiple of ${PART_SIZE_STEP} bytes from ${partSizeMin} to ${partSizeMax}`,
      { field: "partSize", partSizeMin, partSizeMax },
    );
  }
  if (size / wish > limits.partCountMax) {
    throw new HoldfastError(
      "invalid_request",
      `partSize is too small: an upload has at most ${limits.partCountMax} parts`,
      {
        field: "partSize",
        partCountMax: limits.partCountMax,
      },
    );
  }
  return wish;
}

function tooLarge(limits: GridLimits): HoldfastError {
  const limit = Math.min(limits.sizeMax, limits.partSizeMax * limits.partCountMax);
  return new HoldfastError("size_too_large", `an upload may have at most ${limit} bytes here`, {
    limit,
  });
}

function ceilToStep(bytes: number): number {
  return Math.ceil(bytes / PART_SIZE_STEP) * PART_SIZE_STEP;
}
