import { describe, expect, it } from "vitest";
import { createClaims } from "./claims.ts";

describe("a claim without locks", () => {
  it.each([
    ["where the browser has none for this page", undefined],
    ["where they are denied", deniedLocks()],
  ])("keeps this page's own transfers apart: %s", async (_, locks) => {
    const [one, other] = [createClaims(locks), createClaims(locks)];
    const release = await one.claim("k");
    await expect(other.claim("k")).rejects.toMatchObject({ code: "transfer_busy" });
    expect(await other.holder("k")).toEqual({ pid: undefined });
    release();
    expect(await other.holder("k")).toBeUndefined();
    (await other.claim("k"))();
  });
});

describe("a claim with locks", () => {
  it("is refused while another page has it, and says so", async () => {
    const { promise: kept, resolve: letGo } = Promise.withResolvers<void>();
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const elsewhere = navigator.locks.request("holdfast elsewhere", () => {
      take();
      return kept;
    });
    await taken;
    const claims = createClaims(navigator.locks);
    await expect(claims.claim("elsewhere")).rejects.toThrow("another tab");
    expect(await claims.holder("elsewhere")).toEqual({ pid: undefined });
    letGo();
    await elsewhere;
    expect(await claims.holder("elsewhere")).toBeUndefined();
    (await claims.claim("elsewhere"))();
  });
});

function deniedLocks(): LockManager {
  const denied = async () => {
    throw new DOMException("denied", "SecurityError");
  };
  return { request: denied, query: denied };
}
