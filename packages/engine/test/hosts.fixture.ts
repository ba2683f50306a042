// Several servers over one set of records and one store, in one virtual time: each of them can be held at a call, sleep, or die.
import { type Change, createEngine, type Engine, type EngineParts } from "@holdfast/engine";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata, type MemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  createMemoryParts,
  type MemoryParts,
  type PartCall,
} from "@holdfast/testkit/storage/parts";
import { emptyParts, type PartsState } from "@holdfast/testkit/storage/parts-state";
import { memoryParts } from "@holdfast/testkit/world";
import { expect } from "vitest";

type Kind = "parts" | "regions";

interface World {
  readonly clock: VirtualClock;
  readonly metadata: MemoryMetadata;
  readonly state: PartsState;
  /** That were given to the records, by their kind. */
  readonly changes: Change["kind"][];
  /** Who has read a table of parts, each time. */
  readonly reads: string[];
  server(name: string, more?: Partial<EngineParts>): Engine;
  /** Lets time pass until something has come to its end. */
  within<T>(work: Promise<T>, maxMs?: number): Promise<T>;
  readonly held: Map<string, { readonly call: PartCall; readonly until: Promise<void> }>;
  readonly dead: Map<string, Promise<void>>;
  readonly bring: MemoryParts["bring"];
}

/** Servers by their name. One whose calls are `held` has them under way until they are let go, or for ever. */
export function createWorld(kind: Kind = "parts"): World {
  const clock = createVirtualClock();
  const changes: Change["kind"][] = [];
  const reads: string[] = [];
  const metadata = createMemoryMetadata({
    now: clock.now,
    onApply: async (point, change) => {
      if (point === "before-durable") changes.push(change.kind);
    },
  });
  const state = emptyParts();
  const regions = createMemoryStorage();
  const held = new Map<string, { readonly call: PartCall; readonly until: Promise<void> }>();
  const metadataOf = (name: string): typeof metadata => ({
    ...metadata,
    apply: async (change) => {
      await dead.get(name);
      return metadata.apply(change);
    },
    upload: async (by) => {
      await dead.get(name);
      return metadata.upload(by);
    },
    parts: async (id) => {
      reads.push(name);
      return metadata.parts(id);
    },
  });
  const clockOf = (name: string): typeof clock => ({
    ...clock,
    after: (ms, task) => clock.after(ms, () => void (dead.get(name) ?? NOW).then(task)),
  });
  const dead = new Map<string, Promise<void>>();

  function server(name: string, more: Partial<EngineParts> = {}): Engine {
    const parts = createMemoryParts({
      ...{ clock, state },
      async onCall(call, when) {
        await dead.get(name);
        const hold = held.get(name);
        if (when === "before" && hold?.call === call) await hold.until;
      },
    });
    const storage = kind === "parts" ? parts : regions;
    const random = createRandom(`hosts/${name}`);
    const own = { host: name, metadata: metadataOf(name), clock: clockOf(name) };
    return createEngine(memoryParts({ ...{ storage, random }, ...own, ...more }));
  }
  async function within<T>(work: Promise<T>, maxMs = 60_000): Promise<T> {
    let isOver = false;
    const ended = work.finally(() => {
      isOver = true;
    });
    ended.catch(() => undefined);
    await turns();
    for (let ms = 0; !isOver && ms < maxMs; ms += 50) {
      clock.advance(50);
      await turns(3);
    }
    expect(isOver, "it comes to an end").toBe(true);
    return work;
  }
  const { bring } = createMemoryParts({ clock, state });
  return { clock, metadata, state, changes, reads, server, within, held, dead, bring };
}

export async function turns(count = 30): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

const NOW: Promise<void> = Promise.resolve();
export const NEVER: Promise<void> = new Promise(() => undefined);
