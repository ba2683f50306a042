// The server's sweeps: at the start, every half an hour, whatever the last one met, until the stop.
import { HoldfastError, type SweepReport } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { expect, it } from "vitest";
import { keepSweeping, SWEEP_EVERY_MS } from "./sweeping.ts";

const none = { count: 0, bytes: 0 };
const report: SweepReport = {
  isDryRun: false,
  ...{ expired: none, removed: none, erased: none, forgotten: none },
  ...{ left: none, unrecorded: none },
  failed: 0,
  isWhole: true,
  isHeld: false,
};

it("come at the start and every half an hour, and end with the server", async () => {
  const clock = createVirtualClock();
  let isHeld = true;
  const swept: unknown[] = [];
  const logged: string[] = [];
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const engine = {
    async sweep(by: unknown, wants: { isDryRun: boolean; isHeld?: () => Promise<boolean> }) {
      if (swept.push([by, wants.isDryRun, await wants.isHeld?.()]) === 2)
        throw new HoldfastError("storage_failed");
      return report;
    },
  };
  const sweeping = keepSweeping(engine, clock, (_, event) => logged.push(event), {
    isHeld: async () => isHeld,
  });
  await turn();
  expect(swept).toEqual([["server", false, true]]);
  isHeld = false;
  for (const times of [2, 3]) {
    clock.advance(SWEEP_EVERY_MS - 1);
    await turn();
    expect(swept).toHaveLength(times - 1);
    clock.advance(1);
    await turn();
    expect(swept).toHaveLength(times);
  }
  expect(logged).toEqual(["sweep.failed"]);
  expect(swept[2]).toEqual(["server", false, false]);
  sweeping.stop();
  clock.advance(10 * SWEEP_EVERY_MS);
  await turn();
  expect(swept).toHaveLength(3);
});

it("says nothing of a sweep that the stop has ended", async () => {
  const gate = Promise.withResolvers<SweepReport>();
  const logged: string[] = [];
  const sweeping = keepSweeping(
    { sweep: () => gate.promise },
    createVirtualClock(),
    (_, event) => logged.push(event),
    { isHeld: async () => false },
  );
  sweeping.stop();
  gate.reject(new HoldfastError("shutting_down"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(logged).toEqual([]);
});
