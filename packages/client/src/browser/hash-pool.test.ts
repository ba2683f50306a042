// How many workers digest: what the machine has room for, and at least one.
import { expect, test } from "vitest";
import { workersFor } from "./hash-pool.ts";

test.each([
  [{ hardwareConcurrency: 1, deviceMemory: 8 }, 1],
  [{ hardwareConcurrency: 2, deviceMemory: 8 }, 1],
  [{ hardwareConcurrency: 4, deviceMemory: 8 }, 3],
  [{ hardwareConcurrency: 16, deviceMemory: 8 }, 4],
  [{ hardwareConcurrency: 8, deviceMemory: 4 }, 2],
  [{ hardwareConcurrency: 8, deviceMemory: 0.5 }, 1],
  [{ hardwareConcurrency: 8 }, 4],
  [{}, 1],
])("%j: %i", (machine, workers) => {
  expect(workersFor(machine)).toBe(workers);
});
