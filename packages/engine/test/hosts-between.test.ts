// What two servers do to one upload at the same moment, each by what it knew before the other: the records refuse whoever comes second.
import type { Place } from "@holdfast/engine";
import { equalBytes, KIB, type UploadId } from "@holdfast/protocol";
import { bigBytes } from "@holdfast/testkit/big-bytes";
import { createBody } from "@holdfast/testkit/body";
import type { PartCall } from "@holdfast/testkit/storage/parts";
import {
  alice,
  appendBytes,
  createRequest,
  partDigests,
  putParts,
  readAll,
  runBytes,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";
import { createWorld, turns } from "./hosts.fixture.ts";

const PART = 256 * KIB;
const content = bigBytes("between", 3 * PART + 5000);
const longer = bigBytes("between", 4 * PART);

describe("a size that is fixed at one server", () => {
  function begin(world: ReturnType<typeof createWorld>) {
    const [a, b] = [world.server("a"), world.server("b")];
    const { size: _, ...request } = createRequest(0);
    const asleep = Promise.withResolvers<void>();
    const sleep = () => void world.dead.set("a", asleep.promise);
    const wake = () => {
      world.dead.delete("a");
      asleep.resolve();
    };
    return { a, b, sleep, wake, create: () => a.create(alice, { ...request, maxSize: 8 * PART }) };
  }

  it("is not passed over by a part of another that began before, and was whole then", async () => {
    const world = createWorld();
    const { a, b, sleep, wake, create } = begin(world);
    const view = await create();
    const body = createBody();
    const late = putParts(a, view, longer, [3, 4], { body });
    late.catch(() => undefined);
    await turns();
    sleep();
    body.push(runBytes(view, longer, [3, 4]));
    body.end();
    await world.within(putParts(b, view, content, [0, 3], { size: content.length }));
    wake();
    await expect(world.within(late)).rejects.toMatchObject({
      code: "size_mismatch",
      details: { size: content.length },
    });
    const known = await b.status(alice, view.id);
    await world.within(putParts(a, known, content, [3, 4]));
    const done = await world.within(b.complete(alice, view.id, {}));
    expect(equalBytes(await readAll(a, done), content)).toBe(true);
  });

  it("ends an append that came just so far, and the next one makes the part whole", async () => {
    const world = createWorld();
    const { a, b, sleep, wake, create } = begin(world);
    const view = await create();
    const body = createBody();
    const late = appendBytes(a, view, 0, content, { body });
    late.catch(() => undefined);
    await turns();
    body.push(content.subarray(0, PART + 5000));
    sleep();
    body.end();
    await turns();
    const size = PART + 5000;
    const other = putParts(b, view, content, [0, 1], { size });
    await world.within(other);
    wake();
    await expect(world.within(late)).rejects.toMatchObject({ code: "append_in_progress" });
    const { offset } = await world.within(b.offset(alice, view.id));
    const rest = content.subarray(offset, size);
    await world.within(appendBytes(b, view, offset, rest, { isLast: true }));
    const done = await b.status(alice, view.id);
    expect(equalBytes(await readAll(a, done), content.subarray(0, size))).toBe(true);
    expect([...world.state.objects.keys()].filter((name) => name.includes("tail"))).toEqual([]);
  });
});

describe("a part whose beginning was appended at another server", () => {
  async function begin() {
    const world = createWorld();
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const other = bigBytes("other", content.length);
    /** The second one is held at a call, until the first one has appended. */
    const appendMeanwhile = async (call: PartCall, work: () => Promise<unknown>) => {
      const until = Promise.withResolvers<void>();
      world.held.set("b", { call, until: until.promise });
      const late = work();
      late.catch(() => undefined);
      await turns();
      await world.within(appendBytes(a, view, 0, content.subarray(0, 5000)));
      world.held.delete("b");
      until.resolve();
      await expect(world.within(late)).rejects.toMatchObject({ code: "append_in_progress" });
      expect((await world.within(b.offset(alice, view.id))).offset).toBe(5000);
    };
    return { ...world, b, view, other, appendMeanwhile };
  }

  it("is not confirmed by one that knew nothing of it", async () => {
    const { b, view, other, bring, appendMeanwhile } = await begin();
    const [digest = new Uint8Array()] = partDigests(view, other, [0, 1]);
    const parts = [{ index: 0, digest }];
    const { storage } = await b.presign(alice, view.id, parts, 60_000);
    const [request] = storage;
    if (!request) throw new Error("nothing was signed");
    bring(request, runBytes(view, other, [0, 1]));
    await appendMeanwhile("listed", () => b.confirm(alice, view.id, parts));
  });

  it("is not committed by one that compared nothing; the next time it is compared", async () => {
    const { b, view, other, within, appendMeanwhile } = await begin();
    await appendMeanwhile("putPart", () => putParts(b, view, other, [0, 1]));
    const again = within(putParts(b, view, other, [0, 1]));
    await expect(again).rejects.toMatchObject({ code: "part_conflict" });
  });
});

describe("a part that an append has begun, and that comes whole at another server", () => {
  it("ends the append, and is no loss", async () => {
    const world = createWorld();
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const body = createBody();
    const late = appendBytes(a, view, 0, content, { body });
    late.catch(() => undefined);
    await turns();
    body.push(content.subarray(0, 5000));
    for (let times = 0; times < 12; times++) {
      await turns(5);
      world.clock.advance(500);
    }
    await turns();
    expect((await world.metadata.upload(view.id))?.tail?.size).toBe(5000);
    await world.within(putParts(b, view, content, [0, 1]));
    body.push(content.subarray(5000));
    body.end();
    await expect(world.within(late)).rejects.toMatchObject({ code: "append_in_progress" });
    const { offset } = await world.within(a.offset(alice, view.id));
    expect(offset).toBe(PART);
    const rest = content.subarray(offset);
    await world.within(appendBytes(a, view, offset, rest, { isLast: true }));
    const done = await b.status(alice, view.id);
    expect(equalBytes(await readAll(b, done), content)).toBe(true);
  });
});

describe("who waits for another server's publishing", () => {
  it("asks for its claim once, and then reads until that is let go", async () => {
    const world = createWorld();
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await a.create(alice, createRequest(content.length));
    await world.within(putParts(a, view, content, [0, 4]));
    const long = Promise.withResolvers<void>();
    world.held.set("a", { call: "assemble", until: long.promise });
    const first = a.complete(alice, view.id, {});
    await turns();
    world.changes.length = 0;
    const second = b.complete(alice, view.id, {});
    for (let times = 0; times < 12; times++) {
      await turns(5);
      world.clock.advance(250);
    }
    expect(world.changes).toEqual(["claim"]);
    long.resolve();
    const done = await world.within(Promise.all([first, second]));
    expect(done.map(({ state }) => state)).toEqual(["complete", "complete"]);
    expect(world.metadata.snapshot().files.size).toBe(1);
  });
});

describe("a look at the record while appending", () => {
  it("leaves nothing of a place that another server has given up", async () => {
    const { server, within, metadata, clock } = createWorld();
    const a = server("a");
    const view = await a.create(alice, createRequest(content.length));
    const parts = (bytes: Uint8Array) => [{ index: 2, digest: sha256(bytes) }];
    const old = content.subarray(2 * PART, 3 * PART);
    await a.presign(alice, view.id, parts(old), 60_000);
    const body = createBody();
    const append = appendBytes(a, view, 0, content.subarray(0, 5000), { body });
    await turns();
    body.push(content.subarray(0, 5000));
    clock.advance(3500);
    await turns();
    const { place: instead } = (await metadata.upload(view.id)) ?? {};
    if (instead === undefined) throw new Error("it has a place");
    const place = JSON.stringify([view.id, "another"]) as Place;
    const move = { kind: "move", id: view.id, place, instead, kept: [], at: 7 } as const;
    await metadata.apply(move);
    expect((await a.status(alice, view.id)).state).toBe("open");
    body.end();
    await within(append);
    await within(a.presign(alice, view.id, parts(content.subarray(0, PART)), 60_000));
    expect((await metadata.parts(view.id)).bound[0]).toBe(4);
  });

  it("is over for a claim that somebody else has let go", async () => {
    const { server, within, metadata, clock } = createWorld("regions");
    const a = server("a");
    const view = await a.create(alice, createRequest(content.length));
    const body = createBody();
    const append = appendBytes(a, view, 0, content, { body });
    append.catch(() => undefined);
    await turns();
    await metadata.apply({ kind: "release", id: view.id, token: 1 });
    const before = clock.monotonic();
    await expect(within(append)).rejects.toMatchObject({ code: "claim_lost" });
    // At its next look, long before it would be renewed.
    expect(clock.monotonic() - before).toBeLessThan(2000);
  });
});

describe("what another server commits between the two reads of an upload", () => {
  /** A server that is held between record and parts once, until another has done something. */
  function begin() {
    const world = createWorld();
    let meanwhile: (() => Promise<unknown>) | undefined;
    const metadata = {
      ...world.metadata,
      parts: async (id: UploadId) => {
        const now = meanwhile;
        meanwhile = undefined;
        if (now) await world.within(now());
        return world.metadata.parts(id);
      },
    };
    const [a, b] = [world.server("a"), world.server("b", { metadata })];
    const between = (work: () => Promise<unknown>) => {
      meanwhile = work;
    };
    return { world, a, b, between };
  }

  it.each(["for the first time", "once more"])(
    "is no tail beside the part that it has become: %s",
    async (times) => {
      const { world, a, b, between } = begin();
      const view = await a.create(alice, createRequest(content.length));
      if (times === "once more") await b.status(alice, view.id);
      await world.within(appendBytes(a, view, 0, content.subarray(0, 5000)));
      between(() => putParts(a, view, content, [0, 1]));
      expect((await b.status(alice, view.id)).offset).toBe(PART);
    },
  );

  it("is no end behind the size", async () => {
    const { world, a, b, between } = begin();
    const { size: _, ...request } = createRequest(0);
    const view = await a.create(alice, { ...request, maxSize: 8 * PART });
    await world.within(appendBytes(a, view, 0, content.subarray(0, PART)));
    between(() =>
      appendBytes(a, view, PART, content.subarray(PART, PART + 5000), { isLast: true }),
    );
    expect((await b.status(alice, view.id)).offset).toBe(PART + 5000);
  });
});
