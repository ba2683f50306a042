import type { Transfer, TransferEvents } from "@holdfast/client";
import { HoldfastError } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createJsonReport } from "./json.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SIZE = 1000;
const TASK = { label: "f", size: SIZE };

/** A report of a transfer that tells what the test says. */
function begin(isMany = false) {
  const told: Readonly<Record<string, unknown>>[] = [];
  const listeners: { event: string; listener: (value: never) => void }[] = [];
  const on: Transfer["on"] = (event, listener) => {
    listeners.push({ event, listener });
    return () => undefined;
  };
  const report = createJsonReport({
    write: (line) => void told.push(line),
    tasks: [TASK],
    meter: { rate: () => 0 },
    isMany,
    clock: {
      now: () => performance.now(),
      after(ms, task) {
        const timer = setTimeout(task, ms);
        return () => clearTimeout(timer);
      },
    },
  });
  const tell = <Name extends keyof TransferEvents>(event: Name, value: TransferEvents[Name]) => {
    for (const one of listeners) if (one.event === event) one.listener(value as never);
  };
  report.begin(TASK, { on } as Transfer);
  const progress = (committed: number) =>
    tell("progress", { committed, sent: 0, size: SIZE, rate: 0, eta: undefined });
  const reached = (event = "progress") =>
    told.filter((line) => line["event"] === event).map(({ committed }) => committed);
  return { report, told, progress, reached };
}

describe("JSON lines of progress", () => {
  it("come at most four times a second, and the last change is told when the interval is over", () => {
    const { progress, reached } = begin();
    for (const committed of [1, 2, 3]) progress(committed);
    expect(reached()).toEqual([1]);
    vi.advanceTimersByTime(249);
    expect(reached()).toEqual([1]);
    vi.advanceTimersByTime(1);
    expect(reached()).toEqual([1, 3]);
    vi.advanceTimersByTime(10_000);
    expect(reached()).toEqual([1, 3]);
    progress(4);
    expect(reached()).toEqual([1, 3, 4]);
  });

  it("tell the end at once, and nothing after it", () => {
    const { progress, reached, told, report } = begin();
    for (const committed of [1, 2, SIZE]) progress(committed);
    expect(reached()).toEqual([1, SIZE]);
    const figures = { bytesSent: SIZE, bytesCommitted: SIZE, seconds: 1, resumedBytes: 0 };
    const result = { id: "i", url: "u", size: SIZE, root: "r", ...figures };
    report.end(TASK, { kind: "complete", result, isSkipped: false });
    vi.advanceTimersByTime(10_000);
    expect(told.at(-1)).toMatchObject({ event: "complete" });
  });

  it("tell what was held back before a failure, and where a command is stopped", () => {
    const failing = begin(true);
    failing.progress(1);
    failing.progress(2);
    failing.report.end(TASK, { kind: "failed", error: new HoldfastError("gave_up") });
    expect(failing.told.map(({ event, committed }) => committed ?? event)).toEqual([
      1,
      2,
      "failed",
    ]);
    failing.report.stop();
    const stopped = begin();
    stopped.progress(1);
    stopped.progress(2);
    stopped.report.stop();
    expect(stopped.reached()).toEqual([1, 2]);
    // What is being stopped may go on for a moment; the command's last line has been said by then.
    stopped.progress(3);
    stopped.progress(SIZE);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(stopped.reached()).toEqual([1, 2]);
  });

  it("tell of all files together once a second, the last change too", () => {
    const { progress, reached } = begin(true);
    progress(1);
    vi.advanceTimersByTime(500);
    progress(2);
    expect(reached("total")).toEqual([]);
    vi.advanceTimersByTime(500);
    expect(reached("total")).toEqual([2]);
    vi.advanceTimersByTime(10_000);
    expect(reached("total")).toEqual([2]);
  });
});
