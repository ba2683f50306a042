// A body out of a stream of the web platform: pieces of any size, ends of any kind.
import { runInNewContext } from "node:vm";
import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { PACE } from "./pace.ts";
import { createStreamBody } from "./stream-body.ts";

const clock = createVirtualClock();

function open() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    cancel() {
      cancelled = true;
    },
  });
  const init = { method: "PUT", body: stream, duplex: "half" } as const;
  const request = new Request("http://test/", init);
  const body = createStreamBody(request, { clock, pace: PACE });
  return {
    body,
    push: (...bytes: number[]) => controller?.enqueue(Uint8Array.from(bytes)),
    close: () => controller?.close(),
    fail: () => controller?.error(new Error("gone")),
    isCancelled: () => cancelled,
  };
}

/** As a host gives it that minds the types of its pieces less than we do. */
function openPieces(pieces: readonly unknown[], headers: Record<string, string> = {}) {
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const init = { method: "PUT", headers, body, duplex: "half" };
  return createStreamBody(new Request("http://test/", init), { clock, pace: PACE });
}

async function take(body: ReturnType<typeof open>["body"], size: number): Promise<number[]> {
  const into = new Uint8Array(size);
  return [...into.subarray(0, await body.fill(into))];
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("a body that is a stream", () => {
  it("is taken in sizes that its pieces do not have", async () => {
    const { body, push, close } = open();
    push(1, 2, 3);
    push();
    push(4, 5);
    close();
    expect(await body.ready()).toBe(true);
    expect(await take(body, 2)).toEqual([1, 2]);
    expect(await take(body, 2)).toEqual([3, 4]);
    expect(body.hasArrived()).toBe(false);
    expect(await take(body, 9)).toEqual([5]);
    expect(await body.ready()).toBe(false);
    expect(body.hasArrived()).toBe(true);
    expect(body.stopped()).toBeUndefined();
  });

  it("is asked for one piece at a time", async () => {
    const { body, push } = open();
    push(1);
    push(2);
    push(3);
    expect(await take(body, 1)).toEqual([1]);
    await turn();
    expect(await take(body, 2)).toEqual([2, 3]);
  });

  it("gives what it has when it is interrupted, and goes on", async () => {
    const { body, push, close } = open();
    push(1);
    const filling = take(body, 3);
    await turn();
    body.interrupt();
    expect(await filling).toEqual([1]);
    push(2);
    close();
    expect(await take(body, 3)).toEqual([2]);
  });

  it("that breaks was cut", async () => {
    const { body, push, fail } = open();
    push(1);
    expect(await take(body, 1)).toEqual([1]);
    const filling = take(body, 1);
    fail();
    expect(await filling).toEqual([]);
    expect(body.stopped()).toMatchObject({ code: "body_size_mismatch" });
  });

  it("that ends before the size it was told to have was cut", async () => {
    const body = openPieces([new Uint8Array(2)], { "content-length": "3" });
    expect(await take(body, 3)).toEqual([0, 0]);
    expect(body.stopped()).toMatchObject({ code: "body_size_mismatch" });
  });

  it("may be of another realm's bytes; what is no bytes is never taken for the end", async () => {
    const foreign: unknown = runInNewContext("Uint8Array.of(1, 2)");
    const whole = openPieces([foreign]);
    expect(await take(whole, 3)).toEqual([1, 2]);
    expect(whole.stopped()).toBeUndefined();
    const broken = openPieces([Uint8Array.of(1), "text", Uint8Array.of(2)]);
    await take(broken, 3);
    expect(broken.stopped()).toMatchObject({ code: "internal" });
  });

  it("that is stopped tells its host", async () => {
    const { body, push, isCancelled } = open();
    const ready = body.ready();
    body.stop(new HoldfastError("shutting_down"));
    expect(await ready).toBe(false);
    await turn();
    expect(isCancelled()).toBe(true);
    expect(body.stopped()).toMatchObject({ code: "shutting_down" });
    expect(() => push(1)).toThrow();
  });

  it("that comes too slowly has stopped", async () => {
    const { body, push } = open();
    const filling = take(body, 10_000);
    push(...Array.from({ length: 100 }, () => 7));
    await turn();
    clock.advance(40_000);
    expect((await filling).length).toBe(100);
    expect(body.stopped()).toMatchObject({ code: "body_stalled" });
  });

  it("is said to be consumed where somebody else has read it, or reads it", async () => {
    const read = new Request("http://test/", { method: "PUT", body: "x" });
    await read.text();
    const locked = new Request("http://test/", { method: "PUT", body: "x" });
    locked.body?.getReader();
    for (const request of [read, locked]) {
      const body = createStreamBody(request, { clock, pace: PACE });
      expect(await body.ready()).toBe(false);
      expect(body.stopped()).toMatchObject({ code: "body_consumed" });
    }
    const none = createStreamBody(new Request("http://test/"), { clock, pace: PACE });
    expect([none.size, await none.ready(), none.stopped()]).toEqual([0, false, undefined]);
  });
});
