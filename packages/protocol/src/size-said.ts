// What one request says of the size of the whole, in up to two ways that must agree.
import { HoldfastError } from "./errors.ts";

interface Body {
  /** Where it begins. */
  readonly at: number;
  readonly isLast: boolean;
  /** What Content-Length says, in bytes. */
  readonly bodySize: number | undefined;
}

/**
 * `Upload-Length`, or where a last body ends.
 * @throws HoldfastError `size_mismatch` where the two differ, or the body goes beyond: before anything is recorded.
 */
export function sizeSaid(
  { size }: { readonly size?: number },
  { at, isLast, bodySize }: Body,
): { readonly size?: number } {
  const end = bodySize === undefined ? undefined : at + bodySize;
  const isBeyond =
    size !== undefined && (isLast ? end !== undefined && end !== size : (end ?? at) > size);
  if (isBeyond) {
    const text = `upload-length says ${size} bytes, the body ends at ${end ?? at}`;
    throw new HoldfastError("size_mismatch", text, { size });
  }
  const said = size ?? (isLast ? end : undefined);
  return said === undefined ? {} : { size: said };
}
