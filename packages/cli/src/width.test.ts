import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutEnd, cutStart, padEnd, widthOf } from "./width.ts";

describe("the width of a text", () => {
  it.each([
    ["plain", 5],
    ["naïve", 5],
    ["nai\u0308ve", 5],
    ["漢字", 4],
    ["한글", 4],
    ["ﾊﾝｶｸ", 4],
    ["Ａ", 2],
    ["🎈", 2],
    ["👩‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["❤️", 2],
    ["\u001b[32mgreen\u001b[0m", 5],
    ["", 0],
  ])("of %j is %i", (text, width) => {
    expect(widthOf(text)).toBe(width);
  });
});

describe("a text that is cut", () => {
  it("keeps whole characters, and the end of a path", () => {
    expect(cutEnd("漢字漢字", 5)).toBe("漢字");
    expect(cutEnd("a👩‍👩‍👧b", 2)).toBe("a");
    expect(cutStart("photos/2024/summer/a.jpg", 12, "...")).toBe("...mer/a.jpg");
    expect(cutStart("漢字漢字.txt", 9, "…")).toBe("…漢字.txt");
    expect(cutStart("short", 9, "…")).toBe("short");
    expect(padEnd("漢", 4)).toBe("漢  ");
  });

  it("fits, and is part of what it was, whatever it is", () => {
    const texts = fc.string({ unit: "grapheme", maxLength: 40 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 50 }), (text, columns) => {
        const [end, start] = [cutEnd(text, columns), cutStart(text, columns, "…")];
        expect(widthOf(end)).toBeLessThanOrEqual(columns);
        expect(widthOf(start)).toBeLessThanOrEqual(columns);
        expect(text.startsWith(end)).toBe(true);
        expect(text.endsWith(start.replace(/^…/, "")) || start === text).toBe(true);
      }),
    );
  });
});
