// Lists and counts of records: where a list begins and ends, and what its rows say.
import type { Counts, Due } from "@holdfast/engine";
import { KIB } from "@holdfast/protocol";
import { fileIdAt, type Row, uploadIdAt, wholeAt } from "./codec.ts";

interface Point {
  readonly at: number;
  readonly id: string;
}

/** Before and behind every time and every id. */
export const FIRST: Point = { at: Number.MIN_SAFE_INTEGER, id: "" };
export const LAST: Point = { at: Number.MAX_SAFE_INTEGER, id: "~" };

export function decodeDue(row: Row): Due {
  return {
    id: uploadIdAt(row, "id"),
    ...(row["file_id"] === null ? {} : { fileId: fileIdAt(row, "file_id") }),
    size: wholeAt(row, "size"),
    at: wholeAt(row, "at"),
  };
}

/** Nobody has anything before the first row is made. */
export function decodeCounts(row: Row | undefined): Counts {
  if (!row) return { open: 0, bytes: 0, files: 0 };
  const [open, kib, files] = [wholeAt(row, "open"), wholeAt(row, "kib"), wholeAt(row, "files")];
  return { open, bytes: kib * KIB, files };
}
