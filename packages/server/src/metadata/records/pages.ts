// Part pages: many parts a row, so that a commit costs the same whether the upload has one part or 100,000.
import type { PartTable } from "@holdfast/engine";
import { DIGEST_SIZE, type Grid, partCount } from "@holdfast/protocol";

/**
 * Parts in a page, a multiple of 8, by what keeps them; the last page of an upload is as short as its grid. SQLite overwrites the blocks that a row lies in.
 * PostgreSQL writes a row that changes anew, and one beyond 2 KB in pieces elsewhere: there 32 parts cost a commit a third of what 256 do, and a tenth of the log.
 */
export const PAGE_PARTS = { sqlite: 256, postgres: 32 } as const;

/** The parts `number * pageParts` and following, as in a PartTable. */
export interface PartPage extends PartTable {
  readonly number: number;
}

/** The page that a part is in, and its place there. */
export function placeOf(
  index: number,
  pageParts: number,
): { readonly page: number; readonly slot: number } {
  return { page: Math.floor(index / pageParts), slot: index % pageParts };
}

export function createPage(grid: Grid, number: number, pageParts: number): PartPage {
  const parts = Math.min(pageParts, partCount(grid) - number * pageParts);
  return {
    number,
    bits: new Uint8Array(Math.ceil(parts / 8)),
    bound: new Uint8Array(Math.ceil(parts / 8)),
    digests: new Uint8Array(parts * DIGEST_SIZE),
  };
}

export function isCommittedIn({ bits }: PartPage, slot: number): boolean {
  return isSet(bits, slot);
}

/** The digest in a slot, as a view into the page; undefined where the part is neither committed nor bound. */
export function digestIn({ bound, digests }: PartPage, slot: number): Uint8Array | undefined {
  if (!isSet(bound, slot)) return undefined;
  return digests.subarray(slot * DIGEST_SIZE, (slot + 1) * DIGEST_SIZE);
}

export function bindIn({ bound, digests }: PartPage, slot: number, digest: Uint8Array): void {
  set(bound, slot);
  digests.set(digest, slot * DIGEST_SIZE);
}

export function commitIn(page: PartPage, slot: number, digest: Uint8Array): void {
  bindIn(page, slot, digest);
  set(page.bits, slot);
}

/** The part is not committed any more; it stays bound. */
export function withdrawIn({ bits }: PartPage, slot: number): void {
  unset(bits, slot);
}

export function clearIn({ bits, bound, digests }: PartPage, slot: number): void {
  unset(bits, slot);
  unset(bound, slot);
  digests.fill(0, slot * DIGEST_SIZE, (slot + 1) * DIGEST_SIZE);
}

function isSet(bits: Uint8Array, slot: number): boolean {
  return ((bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
}

function set(bits: Uint8Array, slot: number): void {
  bits[slot >> 3] = (bits[slot >> 3] ?? 0) | (1 << (slot & 7));
}

function unset(bits: Uint8Array, slot: number): void {
  bits[slot >> 3] = (bits[slot >> 3] ?? 0) & ~(1 << (slot & 7));
}

/** All pages of an upload as one table; a page that is not there has no part that is committed or bound. */
export function joinPages(grid: Grid, pages: Iterable<PartPage>, pageParts: number): PartTable {
  const count = partCount(grid);
  const table = {
    bits: new Uint8Array(Math.ceil(count / 8)),
    bound: new Uint8Array(Math.ceil(count / 8)),
    digests: new Uint8Array(count * DIGEST_SIZE),
  };
  for (const { number, bits, bound, digests } of pages) {
    // A page that was begun before the size was fixed may be longer than what is left of the grid.
    const bitsAt = (number * pageParts) / 8;
    const digestsAt = number * pageParts * DIGEST_SIZE;
    const bitsLeft = Math.max(0, table.bits.length - bitsAt);
    table.bits.set(bits.subarray(0, bitsLeft), bitsAt);
    table.bound.set(bound.subarray(0, bitsLeft), bitsAt);
    table.digests.set(
      digests.subarray(0, Math.max(0, table.digests.length - digestsAt)),
      digestsAt,
    );
  }
  return table;
}
