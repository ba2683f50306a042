// create: keys that make a repetition one upload, and limits that hold however many ask at once.
import { createEngine, type Principal } from "@holdfast/engine";
import { HoldfastError, isHoldfastError, KIB, MIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { alice, createRequest, memoryParts } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const bob: Principal = { id: "bob", tenant: alice.tenant };

describe("create under a key", () => {
  it("is the same upload again for the same request", async () => {
    const engine = createEngine(memoryParts());
    const first = await engine.create(alice, createRequest(MIB), "key");
    const again = await engine.create(alice, createRequest(MIB), "key");
    expect(again).toEqual(first);
    expect((await engine.create(alice, createRequest(MIB), "other")).id).not.toBe(first.id);
  });

  it("is one upload however many send it at once", async () => {
    const parts = memoryParts();
    const engine = createEngine(parts);
    const views = await Promise.all(
      Array.from({ length: 20 }, () => engine.create(alice, createRequest(MIB), "key")),
    );
    expect(new Set(views.map(({ id }) => id)).size).toBe(1);
    expect(await parts.metadata.counts()).toMatchObject({ open: 1 });
  });

  it.each([
    ["size", createRequest(MIB + 1)],
    ["name", createRequest(MIB, { name: "other" })],
    ["metadata", createRequest(MIB, { metadata: new Map([["__proto__", "x"]]) })],
    ["part size", createRequest(MIB, { partSize: 512 * KIB })],
  ])("is refused where the %s differs", async (_, other) => {
    const engine = createEngine(memoryParts());
    await engine.create(alice, createRequest(MIB), "key");
    await expect(engine.create(alice, other, "key")).rejects.toMatchObject({
      code: "idempotency_conflict",
    });
  });

  it("belongs to the principal that sent it", async () => {
    const engine = createEngine(memoryParts());
    const mine = await engine.create(alice, createRequest(MIB), "key");
    const theirs = await engine.create(bob, createRequest(MIB + 1), "key");
    const elsewhere = { id: alice.id, tenant: "looking-glass" };
    const third = await engine.create(elsewhere, createRequest(MIB + 2), "key");
    expect(new Set([mine.id, theirs.id, third.id]).size).toBe(3);
  });

  it("finds the upload of a creation whose answer was lost in a crash", async () => {
    const reached = Promise.withResolvers<void>();
    const before = createMemoryMetadata({
      async onApply(point) {
        if (point === "before-durable") return;
        reached.resolve();
        await new Promise<never>(() => undefined);
      },
    });
    void createEngine(memoryParts({ metadata: before })).create(alice, createRequest(MIB), "key");
    await reached.promise;
    const metadata = createMemoryMetadata({ state: before.snapshot() });
    const [kept] = before.snapshot().uploads.keys();
    const again = await createEngine(memoryParts({ metadata })).create(
      alice,
      createRequest(MIB),
      "key",
    );
    expect(again.id).toBe(kept);
  });

  it("answers with the file where the upload was empty, complete by now", async () => {
    const engine = createEngine(memoryParts());
    const first = await engine.create(alice, createRequest(0), "key");
    expect(first.file).toBeDefined();
    expect(await engine.create(alice, createRequest(0), "key")).toEqual(first);
  });

  it("is answered below the low-water mark too: nothing new is begun", async () => {
    let free = 100 * MIB;
    const storage = { ...createMemoryStorage(), room: async () => free };
    const clock = createVirtualClock();
    const engine = createEngine(memoryParts({ storage, clock, keepFree: 10 * MIB }));
    const { id } = await engine.create(alice, createRequest(MIB), "key");
    free = MIB;
    clock.advance(1000);
    expect((await engine.create(alice, createRequest(MIB), "key")).id).toBe(id);
    await expect(engine.create(alice, createRequest(MIB), "new")).rejects.toMatchObject({
      code: "storage_full",
    });
  });

  it("answers with the end of an upload that was aborted", async () => {
    const engine = createEngine(memoryParts());
    const { id } = await engine.create(alice, createRequest(MIB), "key");
    await engine.abort(alice, id);
    expect(await engine.create(alice, createRequest(MIB), "key")).toMatchObject({
      id,
      state: "aborted",
    });
  });
});

describe("the limits of a principal", () => {
  const limited: Principal = { ...alice, limits: { openMax: 1 } };

  function code(error: unknown): string {
    return isHoldfastError(error) ? error.code : String(error);
  }

  it.each([
    ["uploads", { openMax: 7 }, "openMax"],
    ["bytes", { bytesMax: 7 * MIB + 512 * KIB }, "bytesMax"],
  ])("hold for 50 creates at once: %s", async (_, limits, limit) => {
    const engine = createEngine(memoryParts());
    const created = await Promise.allSettled(
      Array.from({ length: 50 }, () => engine.create({ ...alice, limits }, createRequest(MIB))),
    );
    const refused = created.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    expect(refused).toHaveLength(43);
    for (const error of refused) {
      expect(error).toBeInstanceOf(HoldfastError);
      expect(error).toMatchObject({ code: "quota_exceeded", details: { limit } });
    }
    expect(await engine.health()).toMatchObject({ open: 7 });
  });

  it("are free again when an upload has ended", async () => {
    const engine = createEngine(memoryParts());
    const { id } = await engine.create(limited, createRequest(MIB));
    expect(await engine.create(limited, createRequest(MIB)).catch(code)).toBe("quota_exceeded");
    await engine.abort(limited, id);
    await engine.create(limited, createRequest(MIB));
  });

  it("are each principal's own", async () => {
    const engine = createEngine(memoryParts());
    await engine.create(limited, createRequest(MIB));
    await engine.create({ ...bob, limits: { openMax: 1 } }, createRequest(MIB));
  });

  it("do not stand against a repetition of what is there", async () => {
    const engine = createEngine(memoryParts());
    const { id } = await engine.create(limited, createRequest(MIB), "key");
    expect((await engine.create(limited, createRequest(MIB), "key")).id).toBe(id);
  });

  it("name the largest size of one upload", async () => {
    const engine = createEngine(memoryParts());
    const limited = { ...alice, limits: { sizeMax: MIB } };
    await engine.create(limited, createRequest(MIB));
    await expect(engine.create(limited, createRequest(MIB + 1))).rejects.toMatchObject({
      code: "size_too_large",
      details: { limit: MIB },
    });
  });
});
