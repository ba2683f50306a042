// What a server does that has slept on the way to a file, and wakes when another one has gone on: it harms nothing of what that one has.
import { equalBytes, HoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { bigBytes } from "@holdfast/testkit/big-bytes";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts, type PartCall } from "@holdfast/testkit/storage/parts";
import {
  alice,
  appendBytes,
  createRequest,
  putParts,
  readAll,
  readManifest,
  sha256,
} from "@holdfast/testkit/world";
import { expect, it } from "vitest";
import { createWorld, turns } from "./hosts.fixture.ts";

const PART = 256 * KIB;
const HOUR = 3_600_000;
const content = bigBytes("late", 2 * PART + 5000);

/** Two servers, of which the first one falls asleep at a call of its publishing; the second one may be refused by the store. */
async function begin(call: PartCall) {
  const world = createWorld();
  const refuses = new Set<PartCall>();
  const storage = createMemoryParts({
    ...{ clock: world.clock, state: world.state },
    onCall(name, when) {
      if (when === "before" && refuses.has(name)) throw new HoldfastError("storage_full");
    },
  });
  const [a, b] = [world.server("a"), world.server("b", { storage })];
  const view = await a.create(alice, createRequest(content.length));
  await world.within(putParts(a, view, content, [0, 3]));
  const asleep = Promise.withResolvers<void>();
  world.held.set("a", { call, until: asleep.promise });
  const late = a.complete(alice, view.id, {});
  late.catch(() => undefined);
  await turns();
  world.dead.set("a", asleep.promise);
  async function wake(): Promise<void> {
    world.held.delete("a");
    world.dead.delete("a");
    asleep.resolve();
    await world.within(late).catch(() => undefined);
    await turns();
  }
  return { world, b, view, refuses, wake };
}

it("its manifest stands beside the one that was published meanwhile, and goes with the strays", async () => {
  const { world, b, view, refuses, wake } = await begin("objects.put");
  refuses.add("objects.put");
  await expect(world.within(b.complete(alice, view.id, {}))).rejects.toMatchObject({
    code: "storage_full",
  });
  refuses.clear();
  // Asked for in other words, so that the manifest says more than the one that the first server is about to write.
  const done = await world.within(b.complete(alice, view.id, { sha256: sha256(content) }));
  await wake();
  const manifest = await wholeManifest(b, done);
  expect(manifest).toContain("sha-256");
  expect(manifests(world.state.objects)).toHaveLength(2);
  for (let times = 0; times < 3; times++) {
    await world.within(b.sweep("server", { isDryRun: false }));
    world.clock.advance(7 * HOUR);
  }
  expect(manifests(world.state.objects)).toHaveLength(1);
  expect(await wholeManifest(b, done)).toBe(manifest);
});

it("it removes no tail of an upload that was opened again", async () => {
  const { world, b, view, wake } = await begin("objects.removeTails");
  // Somebody has removed what the upload had become, so that it begins anew.
  world.state.places.clear();
  for (let times = 0; times < 4; times++) {
    await world.within(b.complete(alice, view.id, {})).catch(() => undefined);
  }
  expect(await b.status(alice, view.id)).toMatchObject({ state: "open", offset: 0 });
  await world.within(appendBytes(b, view, 0, content.subarray(0, 5000)));
  await wake();
  const { offset } = await world.within(b.offset(alice, view.id));
  expect(offset).toBe(5000);
  // Another process reads the tail back before it goes on.
  const c = world.server("c", { random: createRandom("c") });
  await world.within(appendBytes(c, view, offset, content.subarray(offset), { isLast: true }));
  const done = await world.within(c.complete(alice, view.id, {}));
  expect(equalBytes(await readAll(c, done), content)).toBe(true);
  expect([...world.state.objects.keys()].filter((key) => key.includes("tail"))).toEqual([]);
});

function manifests(objects: ReadonlyMap<string, Uint8Array>): readonly string[] {
  return [...objects.keys()].filter((key) => key.includes("manifest"));
}

async function wholeManifest(
  engine: ReturnType<ReturnType<typeof createWorld>["server"]>,
  { file }: UploadView,
): Promise<string> {
  const record = await engine.file(alice, file?.id ?? "");
  return Buffer.from(await readManifest(engine, record)).toString("utf8");
}
