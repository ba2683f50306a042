// Several ranges as one body: multipart/byteranges (RFC 9110 section 14.6), streamed, of a size that is known before the first byte.
import { type ByteRange, encodeContentRange } from "@holdfast/protocol";

export interface Byteranges {
  /** The Content-Type of the whole. */
  readonly type: string;
  /** In bytes. */
  readonly size: number;
  /** `read` gives the bytes of one range; a piece is valid until the next is asked for. */
  pieces(
    read: (range: ByteRange) => AsyncGenerator<Uint8Array, void, void>,
  ): AsyncGenerator<Uint8Array, void, void>;
}

const UTF8 = new TextEncoder();

/** @param boundary Unguessable: whoever brought the file may have written any that he could know into it. */
export function byterangesOf(
  ranges: readonly ByteRange[],
  file: { readonly size: number; readonly type: string },
  boundary: string,
): Byteranges {
  const parts = ranges.map((range, at) => {
    const fields = [
      `${at === 0 ? "" : "\r\n"}--${boundary}`,
      `Content-Type: ${file.type}`,
      `Content-Range: ${encodeContentRange(range, file.size)}`,
    ];
    return { range, head: UTF8.encode(`${fields.join("\r\n")}\r\n\r\n`) };
  });
  const end = UTF8.encode(`\r\n--${boundary}--\r\n`);
  const size = parts.reduce(
    (sum, { range, head }) => sum + head.length + range.end - range.start,
    end.length,
  );
  return {
    type: `multipart/byteranges; boundary=${boundary}`,
    size,
    async *pieces(read) {
      for (const { range, head } of parts) {
        yield head;
        yield* read(range);
      }
      yield end;
    },
  };
}
