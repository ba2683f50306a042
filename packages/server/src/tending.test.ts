// A server's looks for what others have left: every 15 s, whatever the last one met, until the stop.
import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { expect, it } from "vitest";
import { keepTending, TEND_EVERY_MS } from "./tending.ts";

it("comes every 15 s after the last one, and ends with the server", async () => {
  const clock = createVirtualClock();
  const logged: string[] = [];
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  let looks = 0;
  const recover = async () => {
    if (++looks === 1) throw new HoldfastError("storage_failed");
  };
  const tending = keepTending({ recover }, clock, (_, event) => logged.push(event));
  for (const times of [1, 2, 3]) {
    clock.advance(TEND_EVERY_MS - 1);
    await turn();
    expect(looks).toBe(times - 1);
    clock.advance(1);
    await turn();
    expect(looks).toBe(times);
  }
  expect(logged).toEqual(["tend.failed"]);
  tending.stop();
  clock.advance(10 * TEND_EVERY_MS);
  await turn();
  expect(looks).toBe(3);
});
