// Dates in the three forms of RFC 9110, and everything that is none.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHttpDate } from "./http-date.ts";

const NOW = Date.UTC(2026, 10, 21);
const SPEC = Date.UTC(1994, 10, 6, 8, 49, 37);

describe("a date in a header", () => {
  it.each([
    ["Sun, 06 Nov 1994 08:49:37 GMT", SPEC],
    ["Sunday, 06-Nov-94 08:49:37 GMT", SPEC],
    ["Sun Nov  6 08:49:37 1994", SPEC],
    ["Wed Nov 16 08:49:37 1994", Date.UTC(1994, 10, 16, 8, 49, 37)],
    ["Thu, 29 Feb 2024 00:00:00 GMT", Date.UTC(2024, 1, 29)],
    ["Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2017, 0, 1)],
    ["Mon, 06 Nov 1994 08:49:37 GMT", SPEC],
    ["Sat, 01 Jan 0099 00:00:00 GMT", new Date("0099-01-01T00:00:00Z").getTime()],
    ["Saturday, 21-Nov-26 00:00:00 GMT", NOW],
    ["Saturday, 21-Nov-75 00:00:00 GMT", Date.UTC(2075, 10, 21)],
    ["Sunday, 21-Nov-77 00:00:00 GMT", Date.UTC(1977, 10, 21)],
  ])("%s is read", (text, expected) => {
    expect(parseHttpDate(text, NOW)).toBe(expected);
  });

  it("of two digits may be of the next century soon", () => {
    const late = Date.UTC(2090, 0, 1);
    expect(parseHttpDate("Sunday, 06-Nov-05 08:49:37 GMT", late)).toBe(
      Date.UTC(2105, 10, 6, 8, 49, 37),
    );
  });

  it.each([
    undefined,
    "",
    "0",
    "yesterday",
    "1994-11-06T08:49:37Z",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Wed, 31 Feb 2024 00:00:00 GMT",
    "Wed, 00 Feb 2024 00:00:00 GMT",
    "Sunday, 31-Feb-24 08:49:37 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Feb 31 08:49:37 1994",
    '"Sun, 06 Nov 1994 08:49:37 GMT"',
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
  ])("%s is none", (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined();
  });

  it("comes back as it was written", () => {
    const second = fc.integer({ min: 0, max: 253_402_300_799 });
    fc.assert(
      fc.property(second, (seconds) => {
        const ms = seconds * 1000;
        expect(parseHttpDate(new Date(ms).toUTCString(), NOW)).toBe(ms);
      }),
    );
  });
});
