// Which bytes of an upload a request means, while more of them may come (RFC 9110 section 14, RFC 8673).
import type { UploadContent } from "@holdfast/engine";
import { type ByteRange, decodeRange, HoldfastError } from "@holdfast/protocol";

/**
 * Behind the last byte that any file can have. A range that goes so far goes on for as long as bytes come: 2^53 - 1 is the last position that
 * RFC 8673 section 2.2 proposes for that.
 */
const NO_END: number = 2 ** 53;

/** `snapshot`: what is committed now. `growing`: what comes, too, up to the end of the file. */
export type Mode = "snapshot" | "growing";

export interface WantedContent {
  readonly range: ByteRange;
  /** The Content-Range of a 206; none where the answer begins with the first byte and is no part of anything. */
  readonly contentRange?: string;
  /** In bytes, where it is known how many will come. */
  readonly size: number | undefined;
}

/**
 * What is to be sent for a Range header; a request without one has none.
 *
 * Bytes that are committed behind a gap can be had, too. Of a range that is committed in part, a snapshot has what there is of it from its first byte on. Of what grows, a range from 0 to the end is all of it.
 * @throws HoldfastError `range_not_satisfiable` with `details.offset`, and the size in `details.size` where that is known
 */
export function wantedContent(
  content: UploadContent,
  field: string | undefined,
  mode: Mode,
): WantedContent {
  const asked = decodeRange(field, content.size ?? endBefore(field, content.offset));
  if (asked === "unsatisfiable") throw outside(content);
  if (asked !== "whole" && asked.start >= content.sizeMax) throw outside(content);
  if (mode === "snapshot" || content.file) return snapshotOf(content, asked);
  if (asked === "whole") return EVERYTHING;
  // What is asked for from the end on begins where that is now, and goes on as what comes does.
  const end = isSuffix(field) ? (content.size ?? NO_END) : asked.end;
  return growing(content, { start: asked.start, end });
}

function snapshotOf(content: UploadContent, asked: ByteRange | "whole"): WantedContent {
  const { offset, size, endFrom } = content;
  if (asked === "whole") return { range: { start: 0, end: offset }, size: offset };
  const { start } = asked;
  const range = { start, end: Math.min(asked.end, endFrom(start)) };
  if (range.end === start) throw outside(content);
  return { range, contentRange: told(range, size), size: range.end - start };
}

function growing({ size }: UploadContent, range: ByteRange): WantedContent {
  const { start, end } = range;
  const isToEnd = end === (size ?? NO_END);
  // Players begin so. Told that there are ranges, and where they end, they look for the index at the end before they show anything, and wait for that.
  if (start === 0 && isToEnd) return EVERYTHING;
  const contentRange = told(range, size);
  if (size !== undefined && end < size) return { range, contentRange, size: end - start };
  // It ends with the file: that its last byte is committed does not make it one.
  const own = { start, end: isToEnd ? Number.POSITIVE_INFINITY : end };
  return { range: own, contentRange, size: undefined };
}

/** Of what is not there yet nobody can say what part of it this is. */
const EVERYTHING: WantedContent = {
  range: { start: 0, end: Number.POSITIVE_INFINITY },
  size: undefined,
};

/** What a range of something without a known size is looked at by: its last bytes are the last of those that are there. */
function endBefore(field: string | undefined, offset: number): number {
  return isSuffix(field) ? offset : NO_END;
}

function isSuffix(field: string | undefined): boolean {
  return /^bytes=[ \t]*-/i.test(field ?? "");
}

function told({ start, end }: ByteRange, size: number | undefined): string {
  return `bytes ${start}-${end - 1}/${size ?? "*"}`;
}

function outside({ size, offset }: UploadContent): HoldfastError {
  const message = `bytes are committed up to ${offset}; the upload's status tells what lies behind that`;
  return new HoldfastError("range_not_satisfiable", message, {
    offset,
    ...(size === undefined ? {} : { size }),
  });
}
