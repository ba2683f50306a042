import type { Transfer, TransferEvents } from "@holdfast/client";
import { describe, expect, it } from "vitest";
import { follow } from "./follow.ts";

/** A transfer that tells what the test says. */
function puppet() {
  const listeners = new Map<keyof TransferEvents, Set<(value: never) => void>>();
  const transfer: Pick<Transfer, "on"> = {
    on(event, listener) {
      const own = listeners.get(event) ?? new Set();
      listeners.set(event, own.add(listener));
      return () => own.delete(listener);
    },
  };
  const tell = <Name extends keyof TransferEvents>(event: Name, value: TransferEvents[Name]) => {
    for (const listener of listeners.get(event) ?? []) listener(value as never);
  };
  return { transfer: transfer as Transfer, tell };
}

const CREATED = { id: "x", url: "x", size: 100, isResumed: false };

function begin() {
  const clock = { at: 0 };
  const { transfer, tell } = puppet();
  let news = 0;
  const followed = follow(transfer, () => clock.at, { news: () => void news++ });
  return { clock, tell, followed, news: () => news };
}

function progress(committed: number, sent: number): TransferEvents["progress"] {
  return { committed, sent, size: 100, rate: 10, eta: 9 };
}

describe("what is shown of a transfer", () => {
  it("is nothing before anything is known", () => {
    expect(begin().followed.view()).toBeUndefined();
  });

  it("says after 10 s that nothing moves, and stops saying it with the next byte", () => {
    const { clock, tell, followed } = begin();
    tell("created", CREATED);
    tell("state", "sending");
    tell("progress", progress(10, 5));
    clock.at = 9_999;
    expect(followed.view()?.standing).toBeUndefined();
    clock.at = 12_000;
    expect(followed.view()?.standing).toBe("no byte for 12 s");
    tell("progress", progress(10, 6));
    expect(followed.view()?.standing).toBeUndefined();
  });

  it("says nothing of the kind where it is not its turn", () => {
    const { clock, tell, followed } = begin();
    tell("created", CREATED);
    tell("state", "sending");
    clock.at = 60_000;
    expect(followed.view()?.standing).toBeUndefined();
  });

  it("says of a stall that it tries again, once, until bytes move", () => {
    const { tell, followed, news } = begin();
    tell("created", CREATED);
    tell("state", "sending");
    for (let attempt = 1; attempt <= 3; attempt++) {
      tell("retry", { code: "stalled", attempt, waitMs: 1, detail: "no byte moved for 30 s" });
      tell("state", "waiting");
      tell("state", "checking");
      expect(followed.view()).toMatchObject({ standing: "stalled, retrying", isTrouble: true });
    }
    expect(news()).toBe(1);
    tell("state", "sending");
    expect(followed.view()).toMatchObject({ standing: undefined, isTrouble: false });
    expect(news()).toBe(2);
  });

  it.each([
    [["opening", "checking", "complete"], true],
    [["opening", "checking", "sending", "completing", "complete"], false],
    [["opening", "creating", "complete"], false],
    [["opening", "checking", "completing", "complete"], false],
  ] as const)("of %j knows whether it was there before: %s", (states, isSkipped) => {
    const { tell, followed } = begin();
    for (const state of states) tell("state", state);
    expect(followed.isSkipped()).toBe(isSkipped);
  });
});
