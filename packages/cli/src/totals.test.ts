import type { Result } from "@holdfast/client";
import { HoldfastError } from "@holdfast/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Task } from "./report.ts";
import { countsOf, createTotals } from "./totals.ts";

const METER = { rate: () => 0 };

function task(label: string, size: number | undefined): Task {
  return { label, size };
}

function complete(size: number, isSkipped = false) {
  const result: Result = {
    id: "x",
    url: "x",
    root: "x",
    size,
    bytesSent: size,
    bytesCommitted: size,
    seconds: 1,
    resumedBytes: 0,
  };
  return { kind: "complete", result, isSkipped } as const;
}

const FAILED = { kind: "failed", error: new HoldfastError("source_changed") } as const;

describe("totals", () => {
  it("count bytes and files, and what was skipped apart", () => {
    const [a, b, c] = [task("a", 100), task("b", 50), task("c", 10)] as const;
    const totals = createTotals([a, b, c], METER);
    totals.begin(a);
    totals.begin(b);
    totals.seen(a, { committed: 30, sent: 20, size: 100 });
    totals.end(b, complete(50, true));
    expect(totals.figures()).toMatchObject({
      committed: 30,
      sent: 20,
      size: 110,
      skippedBytes: 50,
    });
    totals.end(a, complete(100));
    expect(countsOf(totals.figures())).toBe("1 of 3 files, 1 skipped");
    totals.begin(c);
    totals.end(c, FAILED);
    expect(totals.figures()).toMatchObject({ committed: 100, size: 100 });
    expect(countsOf(totals.figures())).toBe("1 of 3 files, 1 skipped, 1 failed");
  });

  it("have no size while one file's is not known", () => {
    const [a, b] = [task("a", 100), task("b", undefined)] as const;
    const totals = createTotals([a, b], METER);
    totals.begin(b);
    expect(totals.figures().size).toBeUndefined();
    totals.sized(b, 7);
    expect(totals.figures().size).toBe(107);
  });

  it("give the rate of what this process moved, not of what was there", () => {
    const noted: number[] = [];
    const a = task("a", 100);
    const totals = createTotals([a], {
      rate(moved) {
        noted.push(moved);
        return 10;
      },
    });
    totals.begin(a);
    totals.sized(a, 100);
    totals.seen(a, { committed: 60, sent: 0, size: 100 });
    totals.figures();
    totals.seen(a, { committed: 80, sent: 0, size: 100 });
    expect(totals.figures().left).toBe(2);
    totals.end(a, complete(100));
    totals.figures();
    expect(noted).toEqual([0, 20, 40]);
  });

  it("never pass their size and never go back, whatever ends how and when", () => {
    const files = fc.array(
      fc.record({ size: fc.nat(1000), steps: fc.array(fc.nat(1000)), end: fc.nat(2) }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(files, fc.infiniteStream(fc.nat()), (found, dice) => {
        const tasks = found.map(({ size }, at) => task(`${at}`, size));
        const totals = createTotals(tasks, METER);
        const left = found.map(({ size, steps }) =>
          steps.map((step) => Math.min(step, size)).sort((x, y) => x - y),
        );
        const open = new Set(tasks.keys());
        let before = 0;
        for (const at of open) totals.begin(tasks[at] as Task);
        while (open.size > 0) {
          const [roll = 0] = dice.take(1);
          const at = [...open][roll % open.size] ?? 0;
          const [one, file] = [tasks[at] as Task, found[at]];
          const size = file?.size ?? 0;
          const committed = left[at]?.shift();
          if (committed === undefined) {
            open.delete(at);
            totals.end(
              one,
              file?.end === 0 ? FAILED : complete(size, file?.end === 1 && file.steps.length === 0),
            );
          } else totals.seen(one, { committed, sent: 0, size });
          const figures = totals.figures();
          expect(figures.committed).toBeGreaterThanOrEqual(before);
          expect(figures.committed).toBeLessThanOrEqual(figures.size ?? 0);
          before = figures.committed;
        }
      }),
    );
  });
});
