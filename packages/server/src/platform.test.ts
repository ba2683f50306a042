// The clock and the hashing of the machine.
import { describe, expect, it } from "vitest";
import { systemClock, systemDigests } from "./platform.ts";

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
