import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runLanes } from "./lanes.ts";

describe("lanes", () => {
  it("begin and land in order, with at most so many at once, however long each takes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (s, items, count) => {
          const [begun, landed]: [number[], number[]] = [[], []];
          let inFlight = 0;
          let most = 0;
          const done = runLanes(count, {
            async next() {
              await s.schedule(Promise.resolve(), "next");
              if (begun.length === items) return undefined;
              begun.push(begun.length);
              most = Math.max(most, ++inFlight);
              return begun.length - 1;
            },
            move: (item) => s.schedule(Promise.resolve(), `move ${item}`),
            async land(item) {
              await s.schedule(Promise.resolve(), `land ${item}`);
              landed.push(item);
              inFlight--;
            },
          });
          await s.waitFor(done);
          expect(landed).toEqual(begun);
          expect(landed).toHaveLength(items);
          expect(most).toBeLessThanOrEqual(count);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each(["next", "move", "land"] as const)(
    "end with the first error of %s, and land nothing behind it",
    async (where) => {
      const landed: number[] = [];
      let item = 0;
      const failIn = (place: string, at: number) => {
        if (place === where && at === 3) throw new Error(`no ${place}`);
      };
      const done = runLanes(3, {
        async next() {
          failIn("next", item);
          return item < 10 ? item++ : undefined;
        },
        move: async (at) => failIn("move", at),
        async land(at) {
          failIn("land", at);
          landed.push(at);
        },
      });
      await expect(done).rejects.toThrow(`no ${where}`);
      expect(landed.every((at, index) => at === index && at < 3)).toBe(true);
    },
  );

  it("tell an item when its turn is, or that it never comes", async () => {
    const turns: string[] = [];
    const gate = Promise.withResolvers<void>();
    const run = (fails: boolean) => {
      let item = 0;
      return runLanes(2, {
        next: async () => (item < 2 ? item++ : undefined),
        async move(at, turn) {
          if (at === 0) {
            await gate.promise;
            if (fails) throw new Error("no move");
            return;
          }
          gate.resolve();
          await turn();
          turns.push(`turn ${at}`);
        },
        land: async (at) => void turns.push(`land ${at}`),
      });
    };
    await run(false);
    expect(turns).toEqual(["land 0", "turn 1", "land 1"]);
    await expect(run(true)).rejects.toThrow("no move");
    expect(turns).toHaveLength(3);
  });
});
