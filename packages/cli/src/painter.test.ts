import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createPainter } from "./painter.ts";
import { createTerminal } from "./terminal.ts";

function recorder(isTTY: boolean, env: Record<string, string> = {}) {
  const texts: string[] = [];
  const size = { columns: 80, rows: 24 };
  const output = {
    isTTY,
    get columns() {
      return size.columns;
    },
    get rows() {
      return size.rows;
    },
    write: (text: string) => texts.push(text),
  };
  return { terminal: createTerminal(output, env), texts, size };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the painter on a terminal", () => {
  it("draws at most ten times a second, however often something changes", () => {
    const { terminal, texts } = recorder(true);
    let at = 0;
    const painter = createPainter(terminal, { lines: () => [`${at}`], plain: () => "" });
    for (; at < 1000; at++) vi.advanceTimersByTime(1);
    painter.stop();
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.length).toBeLessThanOrEqual(11);
  });

  it("clears its lines away at the end, and keeps what was said above them", () => {
    const { terminal, texts } = recorder(true);
    const painter = createPainter(terminal, { lines: () => ["one", "two"], plain: () => "" });
    vi.advanceTimersByTime(100);
    painter.say("Going on where it stopped.");
    painter.stop();
    expect(texts).toEqual([
      "one\ntwo",
      "\r\u001b[1A\u001b[J",
      "Going on where it stopped.\n",
      "one\ntwo",
      "\r\u001b[1A\u001b[J",
    ]);
  });

  it("clears all of what a terminal that was made narrower has wrapped", () => {
    const { terminal, texts, size } = recorder(true);
    const line = "漢".repeat(30);
    const painter = createPainter(terminal, {
      lines: (columns) => [line.slice(0, (columns + 2) / 4), "x"],
      plain: () => "",
    });
    vi.advanceTimersByTime(100);
    expect(texts.pop()).toBe(`${line.slice(0, 20)}\nx`);
    // 40 columns of text on a terminal of 16 are three rows, and one more for the second line.
    size.columns = 16;
    vi.advanceTimersByTime(100);
    expect(texts.pop()).toBe(`\r\u001b[3A\u001b[J${line.slice(0, 4)}\nx`);
    painter.stop();
  });

  it("asks for no more lines than there are rows", () => {
    const { terminal, size } = recorder(true);
    const asked: number[] = [];
    size.rows = 5;
    const painter = createPainter(terminal, {
      lines: (_columns, rows) => [`${asked.push(rows)}`],
      plain: () => "",
    });
    vi.advanceTimersByTime(100);
    size.rows = 1;
    vi.advanceTimersByTime(100);
    painter.stop();
    expect(asked).toEqual([3, 1]);
  });
});

describe("the painter elsewhere", () => {
  it.each([
    ["a file", recorder(false)],
    ["a dumb terminal", recorder(true, { TERM: "dumb" })],
  ])("writes plain lines to %s: every 10 s, and for news", (_name, { terminal, texts }) => {
    let line = "";
    const painter = createPainter(terminal, { lines: () => [], plain: () => line });
    for (let second = 1; second <= 25; second++) {
      line = `second ${second}`;
      if (second === 22 || second === 24) painter.news();
      vi.advanceTimersByTime(1000);
    }
    painter.stop();
    expect(texts).toEqual(["second 10\n", "second 20\n", "second 22\n", "second 24\n"]);
  });
});
