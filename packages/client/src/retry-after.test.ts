import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHttpDate, parseRetryAfter } from "./retry-after.ts";

describe("an HTTP date", () => {
  it("reads every second of 400 years", () => {
    const seconds = fc.integer({ min: 0, max: 12_622_780_800 });
    fc.assert(
      fc.property(seconds, (at) => {
        expect(parseHttpDate(new Date(at * 1000).toUTCString())).toBe(at * 1000);
      }),
    );
  });

  it.each([
    "",
    "0",
    "Sun, 06 Nov 1994",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun, 06 Nox 1994 08:49:37 GMT",
    "Sun, 06 anF 1994 08:49:37 GMT",
  ])("is not %j", (field) => expect(parseHttpDate(field)).toBeUndefined());
});

describe("Retry-After", () => {
  const date = "Sun, 06 Nov 1994 08:49:37 GMT";
  const later = "Sun, 06 Nov 1994 08:50:07 GMT";

  it.each([
    [undefined, undefined, undefined],
    ["120", undefined, 120_000],
    ["0", undefined, 0],
    ["-1", undefined, undefined],
    ["1.5", undefined, undefined],
    ["soon", undefined, undefined],
    [later, date, 30_000],
    [date, later, 0],
  ])("%j with Date %j is %j", (field, own, expected) => {
    expect(parseRetryAfter(field, own, 0)).toBe(expected);
  });

  it("counts from our clock only where the answer has no date of its own", () => {
    expect(parseRetryAfter(later, undefined, Date.parse(date))).toBe(30_000);
  });
});
