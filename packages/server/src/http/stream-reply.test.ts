// Replies as streams of the web platform: whoever reads them too slowly, or stops to, is let go of.
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { READ_PACE } from "./pace.ts";
import { createReplies } from "./replies.ts";
import { streamOf } from "./stream-reply.ts";

function begin() {
  const clock = createVirtualClock();
  const replies = createReplies();
  const logged: string[] = [];
  const state = { isOpen: false, isOver: false };
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    state.isOpen = true;
    try {
      for (let piece = 0; piece < 100; piece++) yield new Uint8Array(16 * 1024);
    } finally {
      state.isOver = true;
    }
  }
  const log = (_level: string, event: string) => void logged.push(event);
  const stream = streamOf({ replies, clock, log }, pieces, READ_PACE);
  return { clock, replies, logged, state, reader: stream.getReader() };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a reply as a stream", () => {
  it("goes on for somebody who takes 16 KiB every 16 s, and leaves no timer at its end", async () => {
    const { clock, reader, state } = begin();
    for (let piece = 0; piece < 100; piece++) {
      expect((await reader.read()).done).toBe(false);
      clock.advance(16_000);
    }
    expect((await reader.read()).done).toBe(true);
    expect(state.isOver).toBe(true);
    expect(clock.advanceToNext()).toBe(false);
  });

  it("ends for somebody who takes a piece and no more", async () => {
    const { clock, reader, state, logged } = begin();
    await reader.read();
    clock.advance(1_800_000 + 64_000 - 1);
    await turn();
    expect(state.isOver).toBe(false);
    clock.advance(1);
    await turn();
    expect(state.isOver).toBe(true);
    expect(logged).toEqual(["download ended"]);
    await expect(reader.read()).rejects.toMatchObject({ code: "body_stalled" });
  });

  it("is let go by who cancels it, and is not under way before it is read", async () => {
    const { clock, reader, replies, state } = begin();
    await replies.end(clock, 1000);
    await reader.read();
    await reader.cancel();
    await turn();
    expect(state).toEqual({ isOpen: true, isOver: true });
    await replies.end(clock, 1000);
    expect(clock.advanceToNext()).toBe(false);
  });

  it("has its time when the server closes, and is cut after that", async () => {
    const { clock, reader, replies, state } = begin();
    await reader.read();
    let isOver = false;
    const ended = replies.end(clock, 5000).then(() => {
      isOver = true;
    });
    clock.advance(4999);
    await turn();
    expect((await reader.read()).done).toBe(false);
    expect(isOver).toBe(false);
    clock.advance(1);
    await ended;
    await expect(reader.read()).rejects.toMatchObject({ code: "shutting_down" });
    expect(state.isOver).toBe(true);
  });

  it("that ends in time keeps no close waiting", async () => {
    const { clock, reader, replies } = begin();
    await reader.read();
    const ended = replies.end(clock, 5000);
    while (!(await reader.read()).done);
    await ended;
    expect(clock.advanceToNext()).toBe(false);
  });
});
