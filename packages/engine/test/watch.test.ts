// watch: the present first, then what changes, in virtual time.
import { createEngine, type Engine, type EngineParts, type UploadNews } from "@holdfast/engine";
import { HoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { alice, createRequest, memoryParts, putParts } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("content").bytes(3 * PART + 1000);

interface Watched {
  readonly engine: Engine;
  readonly view: UploadView;
  readonly clock: VirtualClock;
  readonly news: AsyncGenerator<UploadNews | undefined, void, void>;
  leave(): void;
  /** What comes next, however long it takes. */
  next(): Promise<IteratorResult<UploadNews | undefined, void>>;
}

async function begin(parts: Partial<EngineParts> = {}): Promise<Watched> {
  const clock = createVirtualClock();
  const engine = createEngine(memoryParts({ clock, ...parts }));
  const view = await engine.create(alice, createRequest(content.length));
  const leaving = new AbortController();
  const news = engine.watch(alice, view.id, leaving.signal);
  const next = async () => {
    let isThere = false;
    const coming = news.next().finally(() => {
      isThere = true;
    });
    coming.catch(() => undefined);
    while (!isThere) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!isThere) clock.advanceToNext();
    }
    return coming;
  };
  return { engine, view, clock, news, next, leave: () => leaving.abort() };
}

describe("a watch", () => {
  it("tells the present, what is committed, and the end", async () => {
    const { engine, view, next } = await begin();
    const nothing = { state: "open", committed: 0, bytes: 0, offset: 0 };
    expect((await next()).value).toEqual(nothing);
    await putParts(engine, view, content, [3, 4]);
    expect((await next()).value).toEqual({ ...nothing, committed: 1, bytes: 1000 });
    await putParts(engine, view, content, [0, 1]);
    const two = { ...nothing, committed: 2, bytes: PART + 1000, offset: PART };
    expect((await next()).value).toEqual(two);
    await putParts(engine, view, content, [1, 3]);
    expect((await next()).value).toMatchObject({ bytes: content.length, offset: content.length });
    await engine.complete(alice, view.id, {});
    const { value } = await next();
    expect(value).toMatchObject({ state: "complete", file: { size: content.length } });
    expect(await next()).toEqual({ value: undefined, done: true });
  });

  it("says after a while that there is nothing new, and looks less often", async () => {
    const { clock, next } = await begin();
    await next();
    const before = clock.monotonic();
    expect(await next()).toEqual({ value: undefined, done: false });
    const waited = clock.monotonic() - before;
    expect(waited).toBeGreaterThanOrEqual(15_000);
    expect(waited).toBeLessThan(18_000);
  });

  it("ends when the upload is aborted", async () => {
    const { engine, view, next } = await begin();
    await next();
    await engine.abort(alice, view.id);
    expect((await next()).value).toMatchObject({ state: "aborted" });
    expect((await next()).done).toBe(true);
  });

  it("ends when the server is told to stop", async () => {
    const { engine, next } = await begin();
    await next();
    await engine.drain(0);
    expect((await next()).done).toBe(true);
  });

  it("ends at once when nobody listens any more, and leaves no timer behind", async () => {
    const { clock, news, next, leave } = await begin();
    await next();
    const before = clock.monotonic();
    const coming = news.next();
    await new Promise((resolve) => setImmediate(resolve));
    leave();
    expect((await coming).done).toBe(true);
    expect(clock.monotonic()).toBe(before);
    expect(clock.advanceToNext()).toBe(false);
  });

  it("does not look again for somebody who left before it did", async () => {
    const { clock, news, next, leave } = await begin();
    await next();
    leave();
    expect((await news.next()).done).toBe(true);
    expect(clock.advanceToNext()).toBe(false);
  });

  it("is refused for another tenant's upload", async () => {
    const { engine, view } = await begin();
    const eve = { id: "eve", tenant: "eve" };
    await expect(
      engine.watch(eve, view.id, new AbortController().signal).next(),
    ).rejects.toMatchObject({
      code: "upload_not_found",
    });
  });

  it("ends with what the policy says when the right is gone", async () => {
    let isRevoked = false;
    const policy = {
      authenticate: async () => alice,
      recall: async () => alice,
      async decide() {
        if (isRevoked) throw new HoldfastError("unauthorized");
      },
    };
    const { next } = await begin({ policy });
    await next();
    isRevoked = true;
    await expect(next()).rejects.toMatchObject({ code: "unauthorized" });
  });
});
