// Direct transfer on the wire: which parts signed requests are wanted for, or are to be confirmed; how long a link should live.
import { decodeBase64 } from "./base64.ts";
import { DIGEST_SIZE } from "./digest.ts";
import { HoldfastError } from "./errors.ts";
import { fieldsOf, optionalWhole, textAt, wholeAt } from "./read.ts";

/** A part by its index, and the SHA-256 that its bytes have. */
export interface PartDigest {
  readonly index: number;
  readonly digest: Uint8Array;
}

/** Body of `POST .../requests` and `POST .../parts`. */
export interface PartsWanted {
  readonly parts: readonly PartDigest[];
  /** Seconds. */
  readonly expiresIn?: number;
}

/** Parts in one request. */
export const PARTS_WANTED_MAX = 100;

/** @throws HoldfastError `invalid_request` naming the field; `invalid_digest` */
export function decodePartsWanted(body: unknown): PartsWanted {
  const fields = fieldsOf(body, "body");
  const parts: unknown = fields.get("parts");
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > PARTS_WANTED_MAX) {
    throw new HoldfastError("invalid_request", `parts must list 1 to ${PARTS_WANTED_MAX} parts`, {
      field: "parts",
    });
  }
  return { parts: parts.map(decodePart), ...decodeLinkWanted(body) };
}

function decodePart(value: unknown): PartDigest {
  const fields = fieldsOf(value, "parts");
  const digest = decodeBase64(textAt(fields, "digest"));
  if (digest?.length !== DIGEST_SIZE) {
    throw new HoldfastError("invalid_digest", "digest must be base64 of a SHA-256", {
      field: "digest",
    });
  }
  return { index: wholeAt(fields, "index"), digest };
}

/** Body of `POST /v1/files/{id}/links`. @throws HoldfastError `invalid_request` naming the field. */
export function decodeLinkWanted(body: unknown): { readonly expiresIn?: number } {
  const expiresIn = optionalWhole(fieldsOf(body, "body"), "expiresIn");
  return expiresIn === undefined ? {} : { expiresIn };
}
