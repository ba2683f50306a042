// Idempotency-Key, by tables.
import { describe, expect, it } from "vitest";
import { decodeIdempotencyKey } from "./index.ts";

describe("an Idempotency-Key", () => {
  it.each([undefined, "a", '"8e03978e-40d5-43e8-bc93-6894a57f9324"', "~".repeat(128)])(
    "is taken as it stands: %s",
    (field) => expect(decodeIdempotencyKey(field)).toBe(field),
  );

  it.each(["", " ", "a b", "a\tb", "ä", "a, b", "x".repeat(129)])("is refused: %j", (field) => {
    const refused = { code: "invalid_request", details: { field: "idempotency-key" } };
    expect(() => decodeIdempotencyKey(field)).toThrow(expect.objectContaining(refused));
  });
});
