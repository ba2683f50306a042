// Uploads have a home: what create was told is what every later verb names, whatever the rule says by then.
import { createEngine, type Home } from "@holdfast/engine";
import { KIB } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { emptyParts } from "@holdfast/testkit/storage/parts-state";
import { alice, createRequest, memoryParts, putParts, readAll } from "@holdfast/testkit/world";
import { expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("homes").bytes(2 * PART + 1000);
const EU = "eu" as Home;

it("keeps tails, parts and the manifest of an upload in the home of its tenant, also once that is another", async () => {
  const state = emptyParts();
  const metadata = createMemoryMetadata();
  function begin(life: string, homes: ReadonlyMap<string, Home>) {
    const random = createRandom(life);
    return createEngine(
      memoryParts({ metadata, random, storage: createMemoryParts({ state, homes }) }),
    );
  }
  const first = begin("first", new Map([[alice.tenant, EU]]));
  const view = await first.create(alice, createRequest(content.length));
  const body = createBody(content.subarray(0, 1000));
  await first.append(alice, { id: view.id, at: 0, body, isLast: false });
  expect([...state.objects.keys()]).toEqual([expect.stringMatching(`^eu/${view.id}/tail/`)]);

  const second = begin("second", new Map());
  const other = await second.create(alice, createRequest(content.length));
  for (const one of [view, other]) await putParts(second, one, content, [0, 3]);
  const places = [...state.places.keys()].map((place) => JSON.parse(place));
  expect(places.map(([id, , home]) => [id, home])).toEqual([
    [view.id, "eu"],
    [other.id, null],
  ]);
  for (const { id } of [view, other]) {
    const done = await second.complete(alice, id, {});
    expect(Buffer.compare(await readAll(second, done), content)).toBe(0);
    const home = id === view.id ? "eu/" : "";
    expect([...state.objects.keys()]).toEqual([expect.stringMatching(`^${home}${id}/manifest/`)]);
    await second.deleteFile(alice, done.file?.id ?? "");
    expect(state.objects.size).toBe(0);
  }
  expect(state.places.size).toBe(0);
});
