import { describe, expect, it } from "vitest";
import { parseFileAddress, parseServerAddress } from "./addresses.ts";

describe("an address", () => {
  it.each([
    "https://user:secret@example.org/files",
    "https://secret@example.org",
    "https://:secret@example.org",
    "ftp://user:secret@example.org",
  ])("%s is refused, and its secret never repeated", (address) => {
    const refusal = expect.objectContaining({
      code: "usage",
      message: expect.not.stringContaining("secret"),
      details: { hint: expect.stringContaining("HOLDFAST_TOKEN") },
    });
    expect(() => parseFileAddress(address)).toThrow(refusal);
    expect(() => parseServerAddress(address)).toThrow(refusal);
  });

  it.each(["https://example.org/a?b", "https://example.org/#b", "https://example.org/?"])(
    "%s is none of a server",
    (address) => {
      expect(() => parseServerAddress(address)).toThrow(expect.objectContaining({ code: "usage" }));
      expect(parseFileAddress(address)).toBe(address);
    },
  );

  it.each([
    "https://example.org/a",
    "http://127.0.0.1:8420",
    "https://example.org/@me",
    "no address",
  ])("%s is left to the transfer", (address) => {
    expect(parseServerAddress(address)).toBe(address);
    expect(parseFileAddress(address)).toBe(address);
  });
});
