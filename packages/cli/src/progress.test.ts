import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createPainter } from "./painter.ts";
import { percentOf, plainLine, progressLine, type View } from "./progress.ts";
import { createTerminal, printable, type Terminal } from "./terminal.ts";

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

interface Recorder extends Terminal {
  readonly texts: string[];
}

function recorder(isTTY: boolean, env: Record<string, string> = {}, columns = 80): Recorder {
  const texts: string[] = [];
  const output = { isTTY, columns, write: (text: string) => texts.push(text) };
  return { ...createTerminal(output, env), texts };
}

describe("a line of progress", () => {
  it("shows committed bytes, rate and time left beside a bar", () => {
    expect(progressLine(VIEW, recorder(true, { NO_COLOR: "1" }, 100))).toBe(
      " 25%  #######.......................  256 MiB of 1.00 GiB  64.0 MiB/s  12 s left",
    );
  });

  it("draws with lines where the locale has them", () => {
    const terminal = recorder(true, { NO_COLOR: "1", LANG: "en_US.UTF-8" });
    expect(progressLine({ ...VIEW, rate: 0 }, terminal)).toContain(
      "━━━━━━━───────────────────────",
    );
  });

  it("says what stands in the way instead of a rate", () => {
    expect(plainLine({ ...VIEW, standing: "waiting for the server" })).toBe(
      "25%  256 MiB of 1.00 GiB  waiting for the server",
    );
  });

  it("says what stands in the way first where there is no room for all of it", () => {
    const standing = "waiting for the server";
    expect(progressLine({ ...VIEW, standing }, recorder(true, {}, 40))).toBe(
      " 25%  waiting for the server  256 MiB o",
    );
    expect(progressLine({ ...VIEW, standing }, recorder(true, {}, 20))).toBe(" 25%  waiting for t");
  });

  it("says of sent bytes that they are on the way, and counts them nowhere", () => {
    expect(plainLine({ ...VIEW, committed: 0, rate: 0, sent: 8 * MIB })).toBe(
      "0%  0 B of 1.00 GiB  8.00 MiB on the way",
    );
  });

  it("colours the bar unless NO_COLOR asks not to", () => {
    expect(progressLine(VIEW, recorder(true))).toContain("\u001b[");
    expect(progressLine(VIEW, recorder(true, { NO_COLOR: "1" }))).not.toContain("\u001b[");
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
          const line = progressLine(view, recorder(true, { NO_COLOR: "1" }, columns));
          expect(line.length).toBeLessThan(columns);
        },
      ),
    );
  });
});

describe("the painter", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("draws on a terminal at most ten times a second, however often it is told", () => {
    const terminal = recorder(true, { NO_COLOR: "1" });
    const painter = createPainter(terminal);
    for (let at = 0; at < 1000; at++) {
      painter.show({ ...VIEW, committed: at * MIB });
      vi.advanceTimersByTime(1);
    }
    painter.stop();
    expect(terminal.texts.length).toBeGreaterThan(5);
    expect(terminal.texts.length).toBeLessThanOrEqual(11);
  });

  it("clears its line away at the end, and keeps what was said above it", () => {
    const terminal = recorder(true, { NO_COLOR: "1" });
    const painter = createPainter(terminal);
    painter.show(VIEW);
    vi.advanceTimersByTime(100);
    painter.say("Going on where it stopped.");
    painter.stop();
    expect(terminal.texts).toEqual([
      expect.stringContaining("25%"),
      "\r\u001b[KGoing on where it stopped.\n",
      expect.stringContaining("25%"),
      "\r\u001b[K",
    ]);
  });

  it.each([
    ["a file", recorder(false)],
    ["a dumb terminal", recorder(true, { TERM: "dumb" })],
  ])("writes plain lines to %s: every 10 s, and when the state changes", (_name, terminal) => {
    const painter = createPainter(terminal);
    const told: string[] = [];
    for (let second = 0; second < 25; second++) {
      const isTrouble = second === 21 || second === 22;
      const standing = isTrouble ? "waiting for the server" : undefined;
      painter.show({ ...VIEW, committed: (second + 1) * MIB, standing, isTrouble });
      vi.advanceTimersByTime(1000);
    }
    painter.stop();
    told.push(...terminal.texts);
    expect(told.map((line) => line.split("  ")[1])).toEqual([
      "10.0 MiB of 1.00 GiB",
      "20.0 MiB of 1.00 GiB",
      "22.0 MiB of 1.00 GiB",
      "24.0 MiB of 1.00 GiB",
    ]);
    expect(told.join("")).not.toContain("\r");
    expect(told.join("")).not.toContain("\u001b");
    expect(told.every((line) => line.endsWith("\n"))).toBe(true);
  });
});

describe("text from elsewhere", () => {
  it("loses what could drive a terminal", () => {
    expect(printable("a\u001b[2Jb\r\nc\u202ed")).toBe("a\ufffd[2Jb\ufffd\ufffdc\ufffdd");
    expect(printable("naïve 漢字 🎈")).toBe("naïve 漢字 🎈");
  });
});
