// The clauses of a standard, one by one, and which rows try each of them: what no row sees is said, with the reason.
import type { Row } from "./row.ts";

/** A point of a checklist. Its rows begin with its id: C8a and C8b are of C8. */
export interface Point {
  readonly id: string;
  readonly about: string;
  /** What of it no row tries, and why. */
  readonly unseen?: string;
}

export interface Covered {
  readonly point: Point;
  /** Ids of rows. */
  readonly rows: readonly string[];
}

export function coverOf(points: readonly Point[], rows: readonly Row[]): readonly Covered[] {
  return points.map((point) => ({
    point,
    rows: rows.filter(({ id }) => pointOf(id) === point.id).map(({ id }) => id),
  }));
}

/** The point that a row is of. */
export function pointOf(rowId: string): string {
  return /^[A-Z]\d+/.exec(rowId)?.[0] ?? "";
}

/** What is to be said of clauses that rows do not try, or not all of. */
export function gapLinesOf(covered: readonly Covered[]): readonly string[] {
  return covered.flatMap(({ point: { id, about, unseen }, rows }) => {
    if (rows.length === 0)
      return [`no row      ${id.padEnd(6)} ${about}: ${unseen ?? "no reason"}`];
    return unseen === undefined ? [] : [`not seen    ${id.padEnd(6)} ${unseen}`];
  });
}
