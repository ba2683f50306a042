import { HoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { systemClock } from "./node/platform.ts";
import { createShare } from "./share.ts";

const NEVER = new AbortController().signal;

/** Lets everything run that does not wait for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

describe("a share", () => {
  it("lets in as many runs as it may, then one for each that leaves, in order", async () => {
    const share = createShare(systemClock, { inFlight: 2, memory: 1000 });
    const entered: number[] = [];
    const leave: (() => void)[] = [];
    for (let run = 0; run < 5; run++) {
      void share.admit(1, NEVER).then(({ leave: release }) => {
        entered.push(run);
        leave.push(release);
      });
    }
    await settle();
    expect(entered).toEqual([0, 1]);
    leave[1]?.();
    // To leave twice is to leave once.
    leave[1]?.();
    await settle();
    expect(entered).toEqual([0, 1, 2]);
  });

  it("keeps within its memory, but for a run that would never fit", async () => {
    const share = createShare(systemClock, { inFlight: 10, memory: 100 });
    const first = await share.admit(60, NEVER);
    const entered: string[] = [];
    const large = share.admit(500, NEVER).then(({ leave: release }) => {
      entered.push("large");
      return release;
    });
    const small = share.admit(40, NEVER).then(({ leave: release }) => {
      entered.push("small");
      return release;
    });
    await settle();
    // Nobody overtakes, or what is large would wait for ever.
    expect(entered).toEqual([]);
    first.leave();
    (await large)();
    (await small)();
    expect(entered).toEqual(["large", "small"]);
  });

  it("gives memory on while a run is still in flight, and its place only afterwards", async () => {
    const share = createShare(systemClock, { inFlight: 2, memory: 100 });
    const first = await share.admit(100, NEVER);
    const entered: number[] = [];
    const [second, third] = [1, 2].map((run) =>
      share.admit(60, NEVER).then((room) => {
        entered.push(run);
        return room;
      }),
    );
    await settle();
    expect(entered).toEqual([]);
    first.freeMemory();
    first.freeMemory();
    await settle();
    expect(entered).toEqual([1]);
    (await second)?.freeMemory();
    await settle();
    expect(entered).toEqual([1]);
    first.leave();
    first.leave();
    await settle();
    expect(entered).toEqual([1, 2]);
    (await second)?.leave();
    const next = share.admit(41, NEVER).then(() => entered.push(3));
    await settle();
    expect(entered).toEqual([1, 2]);
    (await third)?.leave();
    await next;
  });

  it("lets in what is larger than its memory once none of that is used, whatever is on its way", async () => {
    const share = createShare(systemClock, { inFlight: 3, memory: 100 });
    const first = await share.admit(80, NEVER);
    const entered: string[] = [];
    const [large, small] = [
      { name: "large", bytes: 500 },
      { name: "small", bytes: 1 },
    ].map(({ name, bytes }) =>
      share.admit(bytes, NEVER).then((room) => {
        entered.push(name);
        return room;
      }),
    );
    await settle();
    expect(entered).toEqual([]);
    first.freeMemory();
    await settle();
    expect(entered).toEqual(["large"]);
    (await large)?.freeMemory();
    await small;
    expect(entered).toEqual(["large", "small"]);
    const fourth = share.admit(500, NEVER).then(() => entered.push("fourth"));
    (await small)?.freeMemory();
    await settle();
    // There are as many in flight as may be.
    expect(entered).toEqual(["large", "small"]);
    first.leave();
    await fourth;
  });

  it("forgets whoever gives up waiting", async () => {
    const share = createShare(systemClock, { inFlight: 1, memory: 100 });
    const first = await share.admit(1, NEVER);
    const stop = new AbortController();
    const stopped = share.admit(1, stop.signal);
    const third = share.admit(1, NEVER);
    stop.abort(new HoldfastError("aborted"));
    await expect(stopped).rejects.toMatchObject({ code: "aborted" });
    first.leave();
    (await third).leave();
    await expect(share.admit(1, stop.signal)).rejects.toMatchObject({ code: "aborted" });
    (await share.admit(1, NEVER)).leave();
  });
});
