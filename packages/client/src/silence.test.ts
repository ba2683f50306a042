import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createPace } from "./pace.ts";
import { listen } from "./silence.ts";

const STALL_MS = 30_000;

/** When, in milliseconds, an answer of so many bytes every so often is given up; undefined where it is not in an hour. */
async function endOf(bytes: number, everyMs: number): Promise<number | undefined> {
  const clock = createVirtualClock();
  const patient = { pace: createPace(clock), times: 1 };
  const listener = listen(clock, STALL_MS, patient, () => undefined);
  listener.begins("waiting");
  listener.ends("receiving");
  for (let at = everyMs; at <= 3_600_000; at += everyMs) {
    await clock.advance(everyMs);
    try {
      listener.ends("receiving", bytes);
    } catch {
      return at;
    }
  }
  return undefined;
}

describe("an answer that trickles", () => {
  it.each([
    [1, 1_000, STALL_MS],
    [255, 1_000, STALL_MS],
    [256, 1_000, undefined],
    [7_000, 29_000, 58_000],
    [8_000, 29_000, undefined],
    [1, 1, undefined],
  ])("of %d bytes every %d ms ends after %s ms", async (bytes, everyMs, wanted) => {
    expect(await endOf(bytes, everyMs)).toBe(wanted);
  });

  it("counts no time in which nothing was asked for", async () => {
    const clock = createVirtualClock();
    const listener = listen(
      clock,
      STALL_MS,
      { pace: createPace(clock), times: 1 },
      () => undefined,
    );
    listener.begins("receiving");
    for (let at = 0; at < 1_000; at++) {
      await clock.advance(1_000);
      // Our own limit is what was waited for.
      listener.begins("receiving");
      listener.ends("receiving", 1);
    }
  });
});
