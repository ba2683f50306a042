// What single steps cost in a metadata store that holds many uploads, in milliseconds: for comparing it with one that holds few.
import { randomInt } from "node:crypto";
import { performance } from "node:perf_hooks";
import { createEngine, type Engine, type MetadataStore, type UploadRecord } from "@holdfast/engine";
import type { UploadId } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "../clock.ts";
import { createMemoryStorage } from "../storage/memory.ts";
import { memoryParts } from "../world.ts";
import { sampleCommit, sampleUpload } from "./samples.ts";

/** The uploads that fill a store stay open for all the time that a measurement takes. */
const FAR_MS = Date.UTC(2100, 0, 1);
/** Changes given to the store at once while it is filled. */
const WAVE = 5_000;
/** Uploads that one round of a measurement makes and sweeps again. */
const ROUND = 400;
const AT_ONCE = 64;
const DAY_MS = 24 * 60 * 60 * 1000;

export const SCALE_STEPS = [
  "create, one by one",
  "create, 64 at once",
  "status",
  "commit, one by one",
  "commit, 64 at once",
  "sweep",
] as const;
export type ScaleStep = (typeof SCALE_STEPS)[number];

/** Milliseconds for one upload, of each step, in one round. */
export type ScaleRound = Readonly<Record<ScaleStep, number>>;

export interface ScaledStore {
  readonly store: MetadataStore;
  readonly ids: readonly UploadId[];
  round(): Promise<ScaleRound>;
}

/** Fills a store with open uploads of one committed part each, of a thousand principals. */
export async function fillStore(store: MetadataStore, uploads: number): Promise<ScaledStore> {
  const ids: UploadId[] = [];
  while (ids.length < uploads) {
    const wave: Promise<unknown>[] = [];
    for (let at = 0; at < WAVE && ids.length < uploads; at++) {
      const principal = `principal-${ids.length % 1000}`;
      const upload = sampleUpload(3, { principal, expiresAt: FAR_MS });
      ids.push(upload.id);
      wave.push(store.apply({ kind: "create", upload }), store.apply(sampleCommit(upload, 0)));
    }
    await Promise.all(wave);
  }
  const clock = createVirtualClock();
  // Nothing was ever written: what the records cost is all that is asked. Who looks finds bytes.
  const storage = { ...createMemoryStorage(), read: async () => 1 };
  const engine = createEngine(memoryParts({ metadata: store, storage, clock }));
  return { store, ids, round: () => measureRound(store, ids, clock, engine) };
}

async function measureRound(
  store: MetadataStore,
  ids: readonly UploadId[],
  clock: VirtualClock,
  engine: Engine,
): Promise<ScaleRound> {
  const expiresAt = clock.now() + DAY_MS;
  const fresh = () => Array.from({ length: ROUND }, () => sampleUpload(3, { expiresAt }));
  const [some, others] = [fresh(), fresh()];
  const create = (upload: UploadRecord) => store.apply({ kind: "create", upload });
  const commit = (upload: UploadRecord) => store.apply(sampleCommit(upload, 0));
  const known = Array.from({ length: ROUND }, () => randomInt(ids.length)).flatMap(
    (at) => ids[at] ?? [],
  );
  const asker = { id: "principal-1", tenant: "tenant-1" };
  const status = async (id: UploadId) => {
    await engine.status(asker, id);
  };
  const round = {
    "create, one by one": await oneByOne(some, create),
    "create, 64 at once": await atOnce(others, create),
    status: await oneByOne(known, status),
    "commit, one by one": await oneByOne(some, commit),
    "commit, 64 at once": await atOnce(others, commit),
  };
  clock.advance(DAY_MS + 1);
  return { ...round, sweep: await sweepAll(engine, clock, 2 * ROUND) };
}

/** What has expired ends; a day later its records are forgotten. */
async function sweepAll(engine: Engine, clock: VirtualClock, uploads: number): Promise<number> {
  const startedAt = performance.now();
  const first = await engine.sweep("server", { isDryRun: false });
  clock.advance(DAY_MS + 1);
  const second = await engine.sweep("server", { isDryRun: false });
  if (first.expired.count !== uploads || second.forgotten.count !== uploads) {
    throw new Error(`a sweep took ${first.expired.count} and ${second.forgotten.count} uploads`);
  }
  return (performance.now() - startedAt) / uploads;
}

async function oneByOne<T>(
  items: readonly T[],
  step: (item: T) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now();
  for (const item of items) await step(item);
  return (performance.now() - startedAt) / items.length;
}

async function atOnce<T>(
  items: readonly T[],
  step: (item: T) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now();
  const left = items.values();
  const work = async () => {
    for (const item of left) await step(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return (performance.now() - startedAt) / items.length;
}
