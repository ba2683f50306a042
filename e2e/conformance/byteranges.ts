// A multipart/byteranges body taken apart, and put together for servers that are wrong on purpose.
import type { Slice } from "./row.ts";

interface Part {
  /** Its Content-Range, `undefined` as a text where there is none. */
  readonly range: string;
  readonly text: string;
}

/** Its parts, or undefined where it is none (RFC 2046 section 5.1.1). */
export function byterangesIn(type: string | undefined, body: string): readonly Part[] | undefined {
  const [, quoted, bare] =
    /^multipart\/byteranges[ \t]*;[ \t]*boundary=(?:"([^"]+)"|([^ \t;]+))/i.exec(type ?? "") ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) return undefined;
  // What stands before the first boundary and behind the last counts for nothing.
  const [, ...pieces] = `\r\n${body}`.split(`\r\n--${boundary}`);
  const last = pieces.pop();
  if (last === undefined || !/^--[ \t]*(?:\r\n|$)/.test(last)) return undefined;
  return pieces.map((piece) => {
    const end = piece.indexOf("\r\n\r\n");
    const lines = piece.slice(0, end).split("\r\n");
    const line = lines.find((one) => /^content-range:/i.test(one));
    return { range: String(line?.replace(/^[^:]*:[ \t]*/, "")), text: piece.slice(end + 4) };
  });
}

export function contentRangeOf([start, end]: Slice, size: number): string {
  const at = (index: number) => (index < 0 ? size + index : index);
  return `bytes ${at(start)}-${(end === undefined ? size : at(end)) - 1}/${size}`;
}

export const BOUNDARY = "example";

export function writeByteranges(slices: readonly Slice[], content: string): string {
  const parts = slices.map(
    (slice) =>
      `--${BOUNDARY}\r\nContent-Range: ${contentRangeOf(slice, content.length)}\r\n\r\n${content.slice(...slice)}\r\n`,
  );
  return `${parts.join("")}--${BOUNDARY}--\r\n`;
}
