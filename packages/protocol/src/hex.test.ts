// Hexadecimal against the platform's own.
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "./hex.ts";

describe("hex", () => {
  it("agrees with the platform both ways", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = encodeHex(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("hex"));
        expect(decodeHex(text)).toEqual(bytes);
      }),
    );
  });

  it.each(["0", "000", "0G", "AB", " 00", "00 ", "00\n", "0x00", "\u0660\u0660"])(
    "refuses %j",
    (text) => expect(decodeHex(text)).toBeUndefined(),
  );

  it("takes long texts", () => {
    expect(decodeHex("0".repeat(4_000_000))?.length).toBe(2_000_000);
    expect(decodeHex(`${"0".repeat(4_000_000)}g0`)).toBeUndefined();
  });
});
