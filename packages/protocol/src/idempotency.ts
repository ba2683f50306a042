// Idempotency-Key: the same request sent twice is one request, as long as what it made is known.
import { HoldfastError } from "./errors.ts";

/** Characters of a key at most. */
export const IDEMPOTENCY_KEY_MAX = 128;

/**
 * The key of a request, if it has one: 1 to 128 visible ASCII characters, taken as they stand, quotes too.
 *
 * @throws HoldfastError `invalid_request`
 */
export function decodeIdempotencyKey(field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  if (field.length <= IDEMPOTENCY_KEY_MAX && /^[\x21-\x7e]+$/.test(field)) return field;
  throw new HoldfastError(
    "invalid_request",
    `idempotency-key must be 1 to ${IDEMPOTENCY_KEY_MAX} visible ASCII characters`,
    { field: "idempotency-key" },
  );
}
