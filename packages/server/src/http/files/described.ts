// What the request says of the file that it brings, besides its name.
import {
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
  return { type, metadata: decodeMetadataField(header("holdfast-metadata")) };
}

/** @throws HoldfastError `invalid_request` */
export function keyOf({ header }: Request): { readonly key?: string } {
  const key = decodeIdempotencyKey(header("idempotency-key"));
  return key === undefined ? {} : { key };
}
