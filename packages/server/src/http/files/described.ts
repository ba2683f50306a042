// What the request says of the file that it brings, besides its name.
import {
  checkMetadata,
  checkType,
  decodeIdempotencyKey,
  decodeMetadataField,
  type Metadata,
} from "@holdfast/protocol";
import type { Request } from "../request.ts";

interface Described {
  readonly type: string;
  readonly metadata: Metadata;
}

/** @throws HoldfastError `invalid_request` naming the field */
export function describedBy({ header }: Request): Described {
  const type = checkType(header("content-type"));
  const metadata = decodeMetadataField(header("holdfast-metadata"));
  // What is stored are the bytes as they come: how they are coded is told to whoever reads of the file.
  const coding = header("content-encoding");
  if (coding === undefined || /^identity$/i.test(coding)) return { type, metadata };
  const all = { ...Object.fromEntries(metadata), "content-encoding": coding };
  return { type, metadata: checkMetadata(all) };
}

/** @throws HoldfastError `invalid_request` */
export function keyOf({ header }: Request): { readonly key?: string } {
  const key = decodeIdempotencyKey(header("idempotency-key"));
  return key === undefined ? {} : { key };
}
