import type { BadPart } from "@holdfast/client";
import { describe, expect, it } from "vitest";
import { badRanges, badText } from "./verify-text.ts";

function bad(index: number, problem: BadPart["problem"] = "differs"): BadPart {
  return { index, offset: index * 100, size: 100, problem };
}

describe("bad parts", () => {
  it("beside each other, with the same problem, are one range", () => {
    const parts = [bad(0), bad(1), bad(3), bad(4, "missing"), bad(5, "missing")];
    expect(badRanges(parts)).toEqual([
      { first: 0, last: 1, start: 0, end: 200, problem: "differs" },
      { first: 3, last: 3, start: 300, end: 400, problem: "differs" },
      { first: 4, last: 5, start: 400, end: 600, problem: "missing" },
    ]);
    expect(badRanges([])).toEqual([]);
  });

  it("are named, not without end", () => {
    const text = badText(
      "x",
      Array.from({ length: 30 }, (_, at) => bad(at * 2)),
    );
    const lines = text.trimEnd().split("\n");
    expect(lines[0]).toBe("x: 30 bad parts");
    expect(lines[1]).toBe("  part 0: other bytes at 0 to 99 (100 B)");
    expect(lines).toHaveLength(22);
    expect(lines[21]).toBe("  and 10 ranges more; --json lists them all");
  });
});
