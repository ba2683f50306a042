// The requests of downloads: of the one file that the suite is pointed at, whose bytes and validators were asked for before.
import type { Field } from "../message.ts";
import type { Ask, Check } from "../row.ts";
import { absent, ask, header, rowsOf, slice, status } from "../write.ts";

/** What every row needs: a file that can be read, and ranges of it. */
export const row: ReturnType<typeof rowsOf> = rowsOf("RFC 9110", ["file", "ranges"]);
/** For rows that ask for no range. */
export const fileRow: ReturnType<typeof rowsOf> = rowsOf("RFC 9110", ["file"]);

export function get(fields: readonly Field[], expect: readonly Check[]): Ask {
  return ask("GET", "{here}", fields, expect);
}

export function head(fields: readonly Field[], expect: readonly Check[]): Ask {
  return ask("HEAD", "{here}", fields, expect);
}

export function range(text: string): Field {
  return ["Range", `bytes=${text}`];
}

/** The whole file, in an answer that knows of no range. */
export const WHOLE: readonly Check[] = [status(200), absent("Content-Range"), slice(0)];

/** One range of it; `start` and `end` as `slice` takes them, and as they stand in Content-Range. */
export function part(start: number, end: number | undefined, named: string): readonly Check[] {
  return [status(206), header("Content-Range", `bytes ${named}/{size}`), slice(start, end)];
}
