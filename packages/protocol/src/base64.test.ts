// Base64 against the platform's own, and texts that are none.
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, decodeBase64Loosely, encodeBase64, encodePortably } from "./base64.ts";

describe("base64", () => {
  it("agrees with the platform, with and without its help", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(encodeBase64(bytes)).toBe(text);
        expect(encodePortably(bytes)).toBe(text);
        expect(decodeBase64(text)).toEqual(bytes);
        expect(decodeBase64Loosely(text.replaceAll("=", ""))).toEqual(bytes);
      }),
    );
  });

  it.each([
    "A",
    "AA",
    "AAA",
    "AA=",
    "A===",
    "AAAAA",
    "====",
    "=",
    "AAAA====",
    "AB==",
    "AAB=",
    "AA-_",
    "AA A",
    "AAAA\n",
    "\u0100AAA",
    "AA=A",
  ])("refuses %j: it is not what the encoder writes", (text) =>
    expect(decodeBase64(text)).toBeUndefined(),
  );

  it.each([
    ["AA", [0]],
    ["AB==", [0]],
    ["AAF=", [0, 1]],
    ["", []],
  ])("reads %j loosely", (text, bytes) => {
    expect(decodeBase64Loosely(text)).toEqual(new Uint8Array(bytes));
  });

  it.each([
    "A",
    "AA=",
    "A===",
    "AAAA=",
    "====",
    "AA A",
    "\u0100\u0100\u0100\u0100",
    "AA==" + "AA==",
  ])("refuses %j even loosely", (text) => expect(decodeBase64Loosely(text)).toBeUndefined());

  it("gives back only what it was made of, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."AB/+=-Qg \u00ff") }), (text) => {
        const bytes = decodeBase64(text);
        if (bytes) expect(encodeBase64(bytes)).toBe(text);
      }),
    );
  });

  it("takes texts far longer than any manifest", () => {
    expect(decodeBase64("A".repeat(20_000_000))?.length).toBe(15_000_000);
    expect(decodeBase64(`${"A".repeat(20_000_000)}?`)).toBeUndefined();
  });
});
