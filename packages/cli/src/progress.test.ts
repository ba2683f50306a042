import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fileLine, type Look, percentOf, plainLine, progressLine, type View } from "./progress.ts";
import { createTerminal, printable } from "./terminal.ts";
import { widthOf } from "./width.ts";

const MIB = 2 ** 20;
const VIEW: View = {
  committed: 256 * MIB,
  sent: 0,
  size: 1024 * MIB,
  rate: 64 * MIB,
  left: 12,
  standing: undefined,
  isTrouble: false,
};

function look(env: Record<string, string>, columns = 80): Look {
  const output = { isTTY: true, columns, write: () => undefined };
  return { ...createTerminal(output, env), columns };
}

describe("a line of progress", () => {
  it("shows committed bytes, rate and time left beside a bar", () => {
    expect(progressLine(VIEW, look({ NO_COLOR: "1" }, 100))).toBe(
      " 25%  #######.......................  256 MiB of 1.00 GiB  64.0 MiB/s  12 s left",
    );
  });

  it("draws with lines where the locale has them", () => {
    const lines = look({ NO_COLOR: "1", LANG: "en_US.UTF-8" });
    expect(progressLine({ ...VIEW, rate: 0 }, lines)).toContain("━━━━━━━───────────────────────");
  });

  it("says what stands in the way instead of a rate", () => {
    expect(plainLine({ ...VIEW, standing: "waiting for the server" })).toBe(
      "25%  256 MiB of 1.00 GiB  waiting for the server",
    );
  });

  it("says what stands in the way first where there is no room for all of it", () => {
    const standing = "waiting for the server";
    expect(progressLine({ ...VIEW, standing }, look({}, 40))).toBe(" 25%  waiting for the server");
    expect(progressLine({ ...VIEW, standing }, look({}, 20))).toBe(" 25%  waiting for t");
  });

  it("leaves out whole facts where there is no room, and cuts none", () => {
    const shown = [60, 40, 28, 18].map((columns) => progressLine(VIEW, look({}, columns)));
    for (const [at, line] of shown.entries()) {
      expect(line.length).toBeLessThan([60, 40, 28, 18][at] ?? 0);
      expect(line).toMatch(
        /^ 25% {2}(?:[━─#.]+ {2})?256 MiB(?: of 1\.00 GiB(?: {2}.*(?:\/s|left))?)?$/,
      );
    }
    expect(shown[3]).toBe(" 25%  256 MiB");
  });

  it("says of sent bytes that they are on the way, and counts them nowhere", () => {
    expect(plainLine({ ...VIEW, committed: 0, rate: 0, sent: 8 * MIB })).toBe(
      "0%  0 B of 1.00 GiB  8.00 MiB on the way",
    );
  });

  it("colours the bar unless NO_COLOR asks not to", () => {
    expect(progressLine(VIEW, { ...look({}), hasColor: true })).toContain("\u001b[");
    expect(progressLine(VIEW, look({ NO_COLOR: "1" }))).not.toContain("\u001b[");
  });

  it("never passes 100 %, never says 100 % too early, never breaks the line", () => {
    fc.assert(
      fc.property(
        fc.record({
          committed: fc.nat({ max: 2 ** 50 }),
          size: fc.nat({ max: 2 ** 50 }),
          sent: fc.nat({ max: 2 ** 40 }),
          rate: fc.nat({ max: 2 ** 40 }),
          left: fc.option(fc.nat({ max: 2 ** 40 }), { nil: undefined }),
          isTrouble: fc.boolean(),
          standing: fc.option(fc.constant("waiting for the server (probe every second)"), {
            nil: undefined,
          }),
        }),
        fc.integer({ min: 12, max: 300 }),
        (view, columns) => {
          const percent = percentOf(view);
          expect(percent).toBeLessThanOrEqual(100);
          if (percent === 100) expect(view.committed).toBeGreaterThanOrEqual(view.size);
          const line = progressLine(view, look({ NO_COLOR: "1" }, columns));
          expect(line.length).toBeLessThan(columns);
        },
      ),
    );
  });
});

describe("a line of one of several files", () => {
  it("shows the end of its name, cut by columns, in a column of its own", () => {
    const lines = ["photos/a.jpg", "photos/2024/summer/漢字漢字漢字漢字漢字.jpg"].map((name) =>
      fileLine(name, { ...VIEW, rate: 0 }, look({ NO_COLOR: "1", LANG: "C.UTF-8" }, 80)),
    );
    expect(lines).toEqual([
      "photos/a.jpg                  25%  ━━━━━──────────────────  256 MiB of 1.00 GiB",
      "…er/漢字漢字漢字漢字漢字.jpg  25%  ━━━━━──────────────────  256 MiB of 1.00 GiB",
    ]);
  });

  it("of a stream has no percents and no bar", () => {
    const view = { ...VIEW, size: undefined, left: undefined };
    expect(progressLine(view, look({}))).toBe("      256 MiB  64.0 MiB/s");
    expect(plainLine(view)).toBe("256 MiB  64.0 MiB/s");
  });

  it("fits, however narrow the terminal and whatever the name", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 60 }),
        fc.integer({ min: 2, max: 200 }),
        (name, columns) => {
          const line = fileLine(printable(name), VIEW, look({ NO_COLOR: "1" }, columns));
          expect(widthOf(line)).toBeLessThan(columns);
        },
      ),
    );
  });
});

describe("text from elsewhere", () => {
  it("loses what could drive a terminal", () => {
    expect(printable("a\u001b[2Jb\r\nc\u202ed")).toBe("a\ufffd[2Jb\ufffd\ufffdc\ufffdd");
    expect(printable("naïve 漢字 👩‍👧 🎈")).toBe("naïve 漢字 👩‍👧 🎈");
  });
});
