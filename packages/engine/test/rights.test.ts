// Rights that end while bytes still come: what is whole stays, the rest is refused.
import { createEngine, type Policy } from "@holdfast/engine";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { alice, createRequest, memoryParts, openPolicy, putParts } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const CONTENT = new Uint8Array(3 * PART).fill(7);

async function begin(): Promise<{
  readonly revoke: (why: HoldfastError) => void;
  readonly run: Promise<unknown>;
  readonly pass: (ms: number) => Promise<void>;
  readonly offset: () => Promise<number>;
  readonly finish: () => void;
}> {
  let refusal: HoldfastError | undefined;
  let asker = false;
  const policy: Policy = {
    ...openPolicy,
    async decide() {
      if (refusal && !asker) throw refusal;
    },
  };
  const clock = createVirtualClock();
  const engine = createEngine(memoryParts({ policy, clock }));
  const view = await engine.create(alice, createRequest(CONTENT.length));
  const body = createBody();
  const run = putParts(engine, view, CONTENT, [0, 3], { body });
  // Awaited by the tests when it is over; meanwhile its end is nobody's surprise.
  run.catch(() => undefined);
  body.push(CONTENT.subarray(0, PART + 100));
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    run,
    revoke(why) {
      refusal = why;
    },
    async pass(ms) {
      await settle();
      clock.advance(ms);
      await settle();
    },
    async offset() {
      asker = true;
      const { offset } = await engine.status(alice, view.id);
      asker = false;
      return offset;
    },
    finish() {
      body.push(CONTENT.subarray(PART + 100));
      body.end();
    },
  };
}

describe("rights that end in the middle of a body", () => {
  it.each(["unauthorized", "forbidden"] as const)("end it (%s)", async (code) => {
    const { run, revoke, pass, offset } = await begin();
    await pass(5000);
    revoke(new HoldfastError(code));
    await pass(5000);
    await expect(run).rejects.toMatchObject({ code });
    expect(await offset()).toBe(PART);
  });

  it("do not end it where nobody can tell just now", async () => {
    const { run, revoke, pass, offset, finish } = await begin();
    revoke(new HoldfastError("storage_failed"));
    await pass(5000);
    await pass(5000);
    finish();
    await pass(100);
    expect(await run).toMatchObject({ committed: 3 });
    expect(await offset()).toBe(CONTENT.length);
  });
});
