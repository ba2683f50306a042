// What places and bound parts do to the tables.
import { HoldfastError, partSizeAt } from "@holdfast/protocol";
import { boundAt, bytesAt, kibOf, type Row, wholeAt } from "./codec.ts";
import {
  type ChangeOf,
  type Found,
  notOpen,
  requireState,
  requireTaking,
  requireToken,
  requireUpload,
  WITHDRAWN,
} from "./found.ts";
import { commitIn, createPage, digestIn, isCommittedIn, type PartPage } from "./pages.ts";
import {
  bindParts,
  createPageReader,
  hasCommitted,
  indexesIn,
  putPage,
  requireSizes,
} from "./parts.ts";
import type { Tables } from "./tables.ts";

export function place(tables: Tables, { id, place }: ChangeOf<"place">): void {
  const upload = requireUpload(tables, id);
  requireTaking(upload);
  if (upload.place === place) return;
  if (upload.place !== undefined) throw notOpen(upload);
  const tail = tables.findTail.get({ upload: upload.seq });
  if (hasCommitted(tables, upload) || (tail && tail["tail_objects"] === null)) {
    throw new HoldfastError("internal", "bytes of the upload lie in no place");
  }
  tables.setPlace.run({ seq: upload.seq, place });
}

export function bind(tables: Tables, change: ChangeOf<"bind">): void {
  const upload = requireUpload(tables, change.id);
  requireTaking(upload);
  if (upload.place !== change.place) throw notOpen(upload);
  requireSizes(upload, change);
  bindParts(tables, upload, change);
  tables.raiseVersion.run({ seq: upload.seq });
}

export function move(tables: Tables, change: ChangeOf<"move">): void {
  const upload = requireUpload(tables, change.id);
  requireState(upload, "open", "completing");
  if (upload.place === change.place) return;
  requireToken(tables, upload, change.token);
  if (upload.place !== change.instead) throw notOpen(upload);
  const kept = keptPages(tables, upload, change.kept);
  // A page with nothing in it may reach beyond the grid, which has shrunk since.
  const rows = [...tables.findBits.iterate({ upload: upload.seq })].filter(isUsed);
  const lost = rows.flatMap((row) => lostIn(tables, row, kept.get(wholeAt(row, "page"))));
  for (const row of rows) {
    const number = wholeAt(row, "page");
    putPage(tables, upload, kept.get(number) ?? createPage(upload, number, tables.pageParts));
  }
  const { seq } = upload;
  if (upload.hasToldOffset && lost.length > 0) {
    tables.setFailed.run({ seq, at: change.at, ...WITHDRAWN });
    return;
  }
  const sizes = upload.hasSize ? [] : lost.map((index) => kibOf(partSizeAt(upload, index)));
  const kib = sizes.reduce((sum, kib) => sum + kib, 0);
  const state = upload.isFinal ? upload.state : "open";
  tables.setMoved.run({ seq, kib, place: change.place, state });
}

/** The pages as they are in the new place, of those in which something is kept. */
function keptPages(
  tables: Tables,
  upload: Found,
  indexes: readonly number[],
): ReadonlyMap<number, PartPage> {
  const pages = createPageReader(tables, upload);
  const kept = new Map<number, PartPage>();
  for (const index of indexes) {
    const { page, slot } = pages(index);
    const digest = isCommittedIn(page, slot) && digestIn(page, slot);
    if (!digest) continue;
    const next = kept.get(page.number) ?? createPage(upload, page.number, tables.pageParts);
    commitIn(next, slot, digest);
    kept.set(page.number, next);
  }
  return kept;
}

function isUsed(row: Row): boolean {
  return boundAt(row).some((byte) => byte !== 0);
}

/** The committed parts of a page that are not kept. */
function lostIn(tables: Tables, row: Row, kept: PartPage | undefined): readonly number[] {
  const committed = indexesIn(tables, wholeAt(row, "page"), bytesAt(row, "bits"));
  if (!kept) return committed;
  const stay = new Set(indexesIn(tables, kept.number, kept.bits));
  return committed.filter((index) => !stay.has(index));
}
