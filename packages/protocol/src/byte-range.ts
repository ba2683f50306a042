// Byte ranges of a download (RFC 9110 section 14): one range, or the whole.

/** Half-open: `start` is in, `end` is out; bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a Range header of one range asks of a file of `size` bytes; for any number of them there is `decodeRanges`.
 *
 * `whole` where there is none, where it is malformed or has another unit: RFC 9110 lets a server ignore those. `whole`
 * too for the last bytes of an empty file: those are satisfiable (section 14.1.2), but no Content-Range can name them.
 */
export function decodeRange(
  field: string | undefined,
  size: number,
): ByteRange | "whole" | "unsatisfiable" {
  const [, first, last] = /^bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*$/i.exec(field ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return "whole";
  if (first === "") {
    if (Number(last) === 0) return "unsatisfiable";
    return size === 0 ? "whole" : { start: Math.max(0, size - Number(last)), end: size };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return "whole";
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}

export function encodeRange({ start, end }: ByteRange): string {
  return `bytes=${start}-${end - 1}`;
}

/** `bytes 0-9/100`, or `bytes *\/100` where nothing could be served. */
export function encodeContentRange(range: ByteRange | undefined, size: number): string {
  return range ? `bytes ${range.start}-${range.end - 1}/${size}` : `bytes */${size}`;
}

/** The range and size that a 206 says it carries, or undefined where it does not say it well. */
export function decodeContentRange(
  field: string | undefined,
): (ByteRange & { readonly size: number }) | undefined {
  const [, first, last, size] =
    /^bytes ([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16})$/i.exec(field ?? "") ?? [];
  if (first === undefined || last === undefined || size === undefined) return undefined;
  const range = { start: Number(first), end: Number(last) + 1, size: Number(size) };
  const isWhole = Number.isSafeInteger(range.size) && range.end <= range.size;
  return isWhole && range.start < range.end ? range : undefined;
}
