// Several servers in one virtual time: real engines over one set of records and one store of parts, each of which can stop at any of its steps, for a while or for ever.
import { createEngine, type Engine, type PartStorage } from "@holdfast/engine";
import { createVirtualClock, type VirtualClock } from "../clock.ts";
import { createHeapSlots } from "../heap-slots.ts";
import { createMemoryMetadata, type MemoryMetadata } from "../metadata/memory.ts";
import { createRandom } from "../random.ts";
import { createMemoryParts } from "../storage/parts.ts";
import { emptyParts, type PartsState } from "../storage/parts-state.ts";
import { memoryParts } from "../world.ts";
import { createGuard } from "./many-guard.ts";

/** What becomes of the first server: at one of its steps it stops, and goes on after some milliseconds as if no time had passed, or never. */
export interface Fate {
  readonly step: number;
  readonly forMs: number;
}

export interface ManyServer {
  readonly name: string;
  readonly engine: Engine;
  readonly isStopped: () => boolean;
}

export interface ManyWorld {
  readonly clock: VirtualClock;
  readonly metadata: MemoryMetadata;
  readonly state: PartsState;
  readonly servers: readonly ManyServer[];
  /** Changes that were another server's to make. */
  readonly violations: readonly string[];
  /** Steps of the first server so far. */
  readonly steps: () => number;
  /** Lets time pass until something has come to its end. @throws where nothing is left that time could change */
  until<T>(work: Promise<T>): Promise<T>;
}

const NAMES = ["a", "b", "c"] as const;
/** Virtual milliseconds that anything may take. */
const LONG_MS = 3 * 60 * 1000;

export function createManyWorld(seed: string, fate?: Fate): ManyWorld {
  const clock = createVirtualClock();
  const guard = createGuard(() => metadata);
  const metadata: MemoryMetadata = createMemoryMetadata({
    ...{ now: clock.now, onApply: guard.onApply },
  });
  const state = emptyParts();
  const first = createGate(clock, fate);
  const gates = new Map(NAMES.map((name) => [name, name === "a" ? first : createGate(clock)]));
  const servers = [...gates].map(([name, gate]) => ({
    ...{ name, isStopped: gate.isStopped },
    engine: createEngine(partsOf(name, gate)),
  }));

  function partsOf(name: string, { step, whenAwake }: Gate) {
    const storage: PartStorage = createMemoryParts({ clock, state, onCall: () => step() });
    return memoryParts({
      ...{ storage, host: name, random: createRandom(`many/${seed}/${name}`) },
      metadata: {
        ...metadata,
        async apply(change) {
          await step();
          guard.from(name);
          const version = await metadata.apply(change);
          await step();
          return version;
        },
        async upload(by) {
          await step();
          const record = await metadata.upload(by);
          await step();
          return record;
        },
        async parts(id) {
          await step();
          return metadata.parts(id);
        },
      },
      clock: { ...clock, after: (ms, task) => clock.after(ms, () => whenAwake(task)) },
      slots: createHeapSlots(),
      readSlots: createHeapSlots(),
    });
  }

  async function until<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const ended = work.finally(() => {
      isOver = true;
    });
    ended.catch(() => undefined);
    const start = clock.monotonic();
    for (;;) {
      // Whatever is not waiting for time comes as far as it can.
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (isOver) return work;
      const isLong = clock.monotonic() - start > LONG_MS;
      if (isLong || !clock.advanceToNext()) throw new Error("it never comes to an end");
    }
  }

  const { violations } = guard;
  return { clock, metadata, state, servers, violations, steps: first.steps, until };
}

/** What every step of a server passes through. */
interface Gate {
  readonly step: () => Promise<void>;
  readonly steps: () => number;
  readonly isStopped: () => boolean;
  /** For what time brings: a server that sleeps has it when it wakes. */
  readonly whenAwake: (task: () => void) => void;
}

function createGate(clock: VirtualClock, fate?: Fate): Gate {
  let steps = 0;
  let sleeping: Promise<void> | undefined;
  function sleep(forMs: number): Promise<void> {
    return new Promise<void>((resolve) => {
      if (Number.isFinite(forMs)) clock.after(forMs, resolve);
    }).then(() => {
      sleeping = undefined;
    });
  }
  return {
    async step() {
      steps++;
      if (steps === fate?.step) sleeping = sleep(fate.forMs);
      while (sleeping) await sleeping;
    },
    steps: () => steps,
    isStopped: () => sleeping !== undefined,
    whenAwake(task) {
      if (sleeping) void sleeping.then(task);
      else task();
    },
  };
}
