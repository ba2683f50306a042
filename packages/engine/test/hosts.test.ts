// Several servers over one set of records and one store of parts: any request may go to any of them, and what only one may do is done by one.
import { equalBytes, KIB, type UploadView } from "@holdfast/protocol";
import { bigBytes } from "@holdfast/testkit/big-bytes";
import { createBody } from "@holdfast/testkit/body";
import {
  alice,
  appendBytes,
  createRequest,
  putParts,
  readAll,
  sha256,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";
import { createWorld, NEVER, turns } from "./hosts.fixture.ts";

const PART = 256 * KIB;
const content = bigBytes("hosts", 3 * PART + 5000);

describe("any request of an upload", () => {
  it("may go to any server", async () => {
    const { server, within, metadata } = createWorld();
    const [a, b, c] = [server("a"), server("b"), server("c")];
    const view = await a.create(alice, createRequest(content.length));
    await within(putParts(b, view, content, [0, 2]));
    await within(putParts(a, view, content, [3, 4]));
    // Who has known it since before the others wrote sees what they wrote.
    expect((await b.status(alice, view.id)).offset).toBe(2 * PART);
    await within(putParts(c, view, content, [2, 3]));
    const done = await within(a.complete(alice, view.id, {}));
    expect(done.state).toBe("complete");
    expect((await b.status(alice, view.id)).file?.id).toBe(done.file?.id);
    expect(equalBytes(await readAll(c, done), content)).toBe(true);
    await within(b.deleteFile(alice, done.file?.id ?? ""));
    await expect(a.status(alice, view.id)).rejects.toMatchObject({ code: "upload_not_found" });
    expect(metadata.snapshot().files.size).toBe(0);
  });

  it("costs a part no other change of the record than on one server", async () => {
    const { server, within, changes } = createWorld();
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    changes.length = 0;
    await within(putParts(a, view, content, [0, 1]));
    await within(putParts(b, view, content, [1, 2]));
    expect(changes).toEqual(["place", "bind", "commit", "bind", "commit"]);
  });

  it("reads the parts once more only where another server has changed them", async () => {
    const { server, within, reads } = createWorld();
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    await within(putParts(a, view, content, [0, 1]));
    await within(putParts(a, view, content, [1, 2]));
    reads.length = 0;
    expect((await a.status(alice, view.id)).offset).toBe(2 * PART);
    expect(reads).toEqual([]);
    await within(putParts(b, view, content, [2, 3]));
    await within(putParts(a, view, content, [3, 4]));
    expect((await b.status(alice, view.id)).offset).toBe(content.length);
    expect(reads).toEqual(["b", "a", "b"]);
    expect((await within(a.complete(alice, view.id, {}))).state).toBe("complete");
  });

  it("has a part of other bytes refused, whoever has it", async () => {
    const { server, within } = createWorld();
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const other = bigBytes("other", content.length);
    expect((await b.status(alice, view.id)).offset).toBe(0);
    await within(putParts(a, view, content, [0, 1]));
    const refused = within(putParts(b, view, other, [0, 1]));
    await expect(refused).rejects.toMatchObject({ code: "part_conflict" });
    expect(await within(putParts(b, view, content, [0, 1]))).toMatchObject({ committed: 1 });
  });
});

describe("what happens at one server", () => {
  it("is seen by who watches at another", async () => {
    const { server, within, clock } = createWorld();
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const gone = new AbortController();
    const news = a.watch(alice, view.id, gone.signal);
    expect((await news.next()).value).toMatchObject({ committed: 0 });
    await within(putParts(b, view, content, [0, 2]));
    expect((await within(news.next())).value).toMatchObject({ committed: 2, offset: 2 * PART });
    await within(putParts(b, view, content, [2, 4]));
    expect((await within(news.next())).value).toMatchObject({ committed: 4, state: "open" });
    await within(b.complete(alice, view.id, {}));
    clock.advance(1);
    expect((await within(news.next())).value).toMatchObject({ state: "complete" });
    expect((await within(news.next())).done).toBe(true);
  });
});

describe("completing", () => {
  async function filled(world: ReturnType<typeof createWorld>, more = {}) {
    const [a, b] = [world.server("a"), world.server("b")];
    const view = await a.create(alice, createRequest(content.length, more));
    await world.within(putParts(a, view, content, [0, 4]));
    expect((await b.status(alice, view.id)).offset).toBe(content.length);
    return { a, b, view };
  }
  async function isOnce({ metadata }: ReturnType<typeof createWorld>, views: UploadView[]) {
    const { files, outbox } = metadata.snapshot();
    expect([files.size, outbox.length]).toEqual([1, 1]);
    for (const { file } of views) expect(file?.id).toBe([...files.keys()][0]);
  }

  it("at two servers at once has one outcome", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world);
    const both = [a.complete(alice, view.id, {}), b.complete(alice, view.id, {})];
    await isOnce(world, await world.within(Promise.all(both)));
    expect((await world.metadata.upload(view.id))?.claim?.holder).toBe(undefined);
  });

  it("is taken over from a server that has died, once its claim is over", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world);
    world.held.set("a", { call: "assemble", until: NEVER });
    a.complete(alice, view.id, {}).catch(() => undefined);
    await turns();
    world.dead.set("a", NEVER);
    const before = world.clock.monotonic();
    await isOnce(world, [await world.within(b.complete(alice, view.id, {}))]);
    expect(world.clock.monotonic() - before).toBeGreaterThan(10_000);
  });

  it("is gone on with at once by the server itself, when it is back", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world);
    world.held.set("a", { call: "assemble", until: NEVER });
    a.complete(alice, view.id, {}).catch(() => undefined);
    await turns();
    world.dead.set("a", NEVER);
    const again = world.server("a, again", { lives: ["another", "a"] });
    const before = world.clock.monotonic();
    await world.within(again.recover());
    expect(world.clock.monotonic() - before).toBeLessThan(1000);
    await isOnce(world, [await b.status(alice, view.id)]);
  });

  it("is gone on with by a server that nobody asks as soon as the claim is over", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world);
    world.held.set("a", { call: "assemble", until: NEVER });
    a.complete(alice, view.id, {}).catch(() => undefined);
    await turns();
    world.clock.advance(6000);
    await turns();
    world.dead.set("a", NEVER);
    world.clock.advance(2000);
    const left: number[] = [];
    await world.within(b.recover((leftMs) => left.push(leftMs)));
    // It was renewed once, 2 s ago.
    expect(left).toHaveLength(1);
    expect(left[0]).toBeGreaterThan(12_000);
    world.clock.advance((left[0] ?? 0) - 1);
    await world.within(b.recover());
    expect((await b.status(alice, view.id)).state).toBe("completing");
    world.clock.advance(1);
    await world.within(b.recover());
    await isOnce(world, [await b.status(alice, view.id)]);
  });

  it("and what else a dead one has left is waited for by a shutdown", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world);
    world.held.set("a", { call: "discard", until: NEVER });
    a.abort(alice, view.id).catch(() => undefined);
    await turns();
    world.dead.set("a", NEVER);
    world.clock.advance(16_000);
    const goOn = Promise.withResolvers<void>();
    world.held.set("b", { call: "discard", until: goOn.promise });
    const recovering = b.recover();
    await turns();
    const ends: string[] = [];
    const draining = b.drain(0).then(() => ends.push("drained"));
    await turns();
    ends.push("held");
    goOn.resolve();
    await world.within(Promise.all([recovering, draining]));
    expect(ends).toEqual(["held", "drained"]);
    expect((await world.metadata.upload(view.id))?.hasBytes).toBe(false);
  });

  it("by a server that slept meanwhile changes nothing", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world);
    const asleep = Promise.withResolvers<void>();
    world.held.set("a", { call: "objects.put", until: asleep.promise });
    const first = a.complete(alice, view.id, {});
    await turns();
    world.dead.set("a", asleep.promise);
    const second = await world.within(b.complete(alice, view.id, {}));
    world.dead.delete("a");
    asleep.resolve();
    await isOnce(world, [second, await world.within(first)]);
  });

  it("by a server that slept while another aborted leaves nothing behind", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world);
    const asleep = Promise.withResolvers<void>();
    world.held.set("a", { call: "objects.put", until: asleep.promise });
    const first = a.complete(alice, view.id, {});
    first.catch(() => undefined);
    await turns();
    world.dead.set("a", asleep.promise);
    await world.within(b.abort(alice, view.id));
    expect(world.state.objects.size).toBe(0);
    world.dead.delete("a");
    asleep.resolve();
    await expect(world.within(first)).rejects.toMatchObject({ code: "upload_ended" });
    expect([world.state.places.size, world.state.objects.size]).toEqual([0, 0]);
  });

  it("ends where another server aborts, in the middle of a proof too", async () => {
    const world = createWorld();
    const { a, b, view } = await filled(world, { sha256: sha256(content) });
    const long = Promise.withResolvers<void>();
    world.held.set("a", { call: "objects.read", until: long.promise });
    await world.within(a.complete(alice, view.id, {}));
    const aborted = world.within(b.abort(alice, view.id));
    await turns();
    world.clock.advance(1000);
    long.resolve();
    await aborted;
    expect((await a.status(alice, view.id)).state).toBe("aborted");
    await world.within(a.drain(1000));
    const { files, uploads } = world.metadata.snapshot();
    expect([files.size, uploads.get(view.id)?.hasBytes]).toEqual([0, false]);
    expect([world.state.places.size, world.state.objects.size]).toEqual([0, 0]);
  });
});

describe("an append", () => {
  it("at one server is ended by whoever asks another for the offset, and goes on there", async () => {
    const { server, within, metadata } = createWorld("regions");
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const body = createBody();
    body.push(content.subarray(0, PART + 100));
    const first = appendBytes(a, view, 0, content, { body });
    first.catch(() => undefined);
    await turns();
    const told = await within(b.offset(alice, view.id));
    expect(told.offset).toBe(PART + 100);
    await expect(first).rejects.toMatchObject({ code: "append_in_progress" });
    const rest = content.subarray(told.offset);
    const last = await within(appendBytes(b, view, told.offset, rest, { isLast: true }));
    expect(last).toMatchObject({ offset: content.length, isComplete: true });
    const bytes = await readAll(a, await a.status(alice, view.id));
    expect(equalBytes(bytes, content)).toBe(true);
    await within(Promise.all([a.drain(0), b.drain(0)]));
    expect((await metadata.upload(view.id))?.claim?.holder).toBe(undefined);
  });

  it("of a server that is dead keeps nobody for long", async () => {
    const { server, within, dead, clock } = createWorld("regions");
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const body = createBody();
    body.push(content.subarray(0, 2 * PART));
    appendBytes(a, view, 0, content, { body }).catch(() => undefined);
    await turns();
    clock.advance(100);
    await turns();
    dead.set("a", NEVER);
    const before = clock.monotonic();
    expect((await within(b.offset(alice, view.id))).offset).toBe(2 * PART);
    expect(clock.monotonic() - before).toBeLessThan(5000);
  });

  it("of an earlier life of the server keeps nobody at all", async () => {
    const { server, within, dead, clock } = createWorld("regions");
    const a = server("a");
    const view = await a.create(alice, createRequest(content.length));
    const body = createBody();
    body.push(content.subarray(0, 2 * PART));
    appendBytes(a, view, 0, content, { body }).catch(() => undefined);
    await turns();
    clock.advance(100);
    await turns();
    dead.set("a", NEVER);
    const again = server("a, again", { lives: ["a"] });
    const before = clock.monotonic();
    const { offset } = await within(again.offset(alice, view.id));
    expect(offset).toBe(2 * PART);
    await within(appendBytes(again, view, offset, content.subarray(offset), { isLast: true }));
    expect(clock.monotonic() - before).toBeLessThan(1000);
  });

  it("of a server that slept past its claim commits nothing any more", async () => {
    const { server, within, dead } = createWorld("regions");
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const body = createBody();
    const first = appendBytes(a, view, 0, content, { body });
    first.catch(() => undefined);
    await turns();
    const asleep = Promise.withResolvers<void>();
    dead.set("a", asleep.promise);
    expect((await within(b.offset(alice, view.id))).offset).toBe(0);
    body.push(content.subarray(0, PART));
    body.end();
    await turns();
    dead.delete("a");
    asleep.resolve();
    await expect(within(first)).rejects.toMatchObject({ code: "claim_lost" });
    expect((await within(b.offset(alice, view.id))).offset).toBe(0);
  });

  it("keeps its claim for as long as it takes", async () => {
    const { server, within, clock, metadata } = createWorld("regions");
    const [a, b] = [server("a"), server("b")];
    const view = await a.create(alice, createRequest(content.length));
    const body = createBody();
    const first = appendBytes(a, view, 0, content, { body });
    for (let seconds = 0; seconds < 60; seconds++) {
      await turns(5);
      clock.advance(1000);
    }
    // Nobody alive is passed over.
    expect(await b.sweep("server", { isDryRun: false })).toMatchObject({ failed: 0 });
    expect((await metadata.upload(view.id))?.claim).toMatchObject({ token: 1, holder: "a" });
    body.push(content);
    body.end();
    expect((await within(first)).offset).toBe(content.length);
  });
});
