// Readers of replies and their time, by a clock that moves when it is told to.
import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createWriter } from "./writer.ts";

const KIB = 1024;
const PACE = { bytesPerSecondMin: KIB, windowMs: 1_000 };

/** A connection whose kernel takes a piece when it is told to. */
function begin() {
  const clock = createVirtualClock();
  const logged: string[] = [];
  const timeouts: number[] = [];
  let take: (() => void) | undefined;
  const sink = new Writable({
    write: (_piece, _encoding, done) => {
      take = done;
    },
  });
  const socket = { setTimeout: (ms: number) => void timeouts.push(ms) };
  const res = Object.assign(sink, { socket });
  const log = (_level: string, event: string) => void logged.push(event);
  const writer = createWriter(res, { pace: PACE, clock, log });
  return { clock, logged, timeouts, res, writer, take: () => take?.() };
}

async function isDone(promise: Promise<void>): Promise<boolean> {
  let isOver = false;
  promise.then(() => {
    isOver = true;
  });
  await turn();
  return isOver;
}

describe("a piece", () => {
  it("is written when the kernel has taken it, and has a window and the time of its bytes", async () => {
    const { clock, logged, res, writer, take } = begin();
    const first = writer.write(new Uint8Array(4 * KIB));
    expect(await isDone(first)).toBe(false);
    clock.advance(4_999);
    take();
    expect(await isDone(first)).toBe(true);
    const second = writer.write(new Uint8Array(4 * KIB));
    clock.advance(4_999);
    expect(res.destroyed).toBe(false);
    clock.advance(1);
    expect(res.destroyed).toBe(true);
    expect(logged).toEqual(["download ended"]);
    expect(await isDone(second)).toBe(true);
    await writer.write(new Uint8Array(1));
  });

  it("that is small has a time of its own behind a large one", async () => {
    const { clock, res, writer, take } = begin();
    const first = writer.write(new Uint8Array(100 * KIB));
    take();
    await first;
    writer.write(new Uint8Array(KIB));
    clock.advance(1_999);
    expect(res.destroyed).toBe(false);
    clock.advance(1);
    expect(res.destroyed).toBe(true);
  });

  it("has its whole time, however long we took to come with it", async () => {
    const { clock, res, writer, take } = begin();
    for (let piece = 0; piece < 3; piece++) {
      const written = writer.write(new Uint8Array(KIB));
      clock.advance(1_500);
      // The kernel's own time runs out where nothing is to be taken.
      take();
      await written;
      clock.advance(60_000);
      res.emit("timeout");
      expect(res.destroyed).toBe(false);
    }
  });

  it("of which the kernel takes nothing for a window ends the connection", () => {
    const { res, writer } = begin();
    writer.write(new Uint8Array(KIB));
    res.emit("timeout");
    expect(res.destroyed).toBe(true);
  });

  it("is let go when the connection is gone", async () => {
    const { res, writer } = begin();
    const written = writer.write(new Uint8Array(KIB));
    res.destroy();
    await written;
    await writer.write(new Uint8Array(KIB));
  });
});

it("at its end there is no timer, no listener, and the connection may be idle", async () => {
  const { clock, timeouts, res, writer, take } = begin();
  const before = ["close", "timeout"].map((name) => res.listenerCount(name));
  const written = writer.write(new Uint8Array(KIB));
  take();
  await written;
  writer.end();
  expect(clock.advanceToNext()).toBe(false);
  expect(timeouts).toEqual([PACE.windowMs, 0]);
  expect(["close", "timeout"].map((name) => res.listenerCount(name))).toEqual(
    before.map((count) => count - 1),
  );
});
