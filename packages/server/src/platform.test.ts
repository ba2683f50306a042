// The clock and the hashing of the machine.
import { describe, expect, it } from "vitest";
import { systemClock, systemDigests, systemRandom } from "./platform.ts";

describe("the platform", () => {
  it("hashes in steps as at once", () => {
    const running = systemDigests.create();
    running.update(Buffer.from("hold"));
    running.update(Buffer.from("fast"));
    const whole = systemDigests.sha256(Buffer.from("holdfast"));
    expect(Buffer.from(running.digest()).equals(whole)).toBe(true);
  });

  it("calls tasks after their time, unless they were called off", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const callOff = systemClock.after(0, () => resolve("called off"));
    callOff();
    systemClock.after(1, () => resolve("due"));
    expect(await promise).toBe("due");
  });
});

describe("randomness", () => {
  it("never gives the same bytes twice, whatever sizes are asked for", () => {
    const seen = new Set<string>();
    for (let round = 0; round < 2_000; round++) {
      const bytes = systemRandom.bytes(8 + (round % 40));
      expect(bytes).toHaveLength(8 + (round % 40));
      seen.add(Buffer.from(bytes.subarray(0, 8)).toString("hex"));
    }
    expect(seen.size).toBe(2_000);
    expect(systemRandom.bytes(10_000).some((byte) => byte !== 0)).toBe(true);
  });

  it("gives bytes that are the caller's own", () => {
    const first = systemRandom.bytes(16);
    const copy = first.slice();
    systemRandom.bytes(4_000);
    systemRandom.bytes(4_000);
    expect(first).toEqual(copy);
    expect(first.buffer.byteLength).toBe(16);
  });
});
