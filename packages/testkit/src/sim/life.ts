// One life of a server on a simulated disk: the real engine, the real disk storage, records that a crash cuts at any moment.
import { createEngine, type RegionStorage } from "@holdfast/engine";
import { createDiskStorage } from "@holdfast/server/storage/disk";
import { createVirtualClock, type VirtualClock } from "../clock.ts";
import { createHeapSlots } from "../heap-slots.ts";
import { createMemoryMetadata, type MemoryMetadata } from "../metadata/memory.ts";
import type { RecordState } from "../metadata/state.ts";
import { createRandom } from "../random.ts";
import { memoryParts } from "../world.ts";
import type { AnyLife, LifeCycle } from "./every-step.ts";
import { fingerprint } from "./fingerprint.ts";
import { createSimFs, type SimFs } from "./fs.ts";
import { createSeededSchedule } from "./schedule.ts";

export const BYTES_DIRECTORY = "/data/bytes";

/** What outlives a process: the disk and the records. */
export interface Remains {
  readonly disk: (options: Parameters<typeof createSimFs>[0]) => SimFs;
  readonly records: RecordState | undefined;
}

export const nothing: Remains = { disk: createSimFs, records: undefined };

/** When the power goes: at which step (operations of the disk and both moments of each record change, counted from 1), and where in it. */
export interface Moment {
  readonly step: number;
  readonly when: "before" | "during" | "after";
}

export interface Life extends AnyLife {
  readonly disk: SimFs;
  readonly metadata: MemoryMetadata;
  readonly clock: VirtualClock;
}

/** Starts a server on what an earlier life left. Nothing of it goes on after `moment`. */
export async function beginLife(
  remains: Remains,
  seed: string,
  moment?: Moment,
  startMs?: number,
): Promise<Life> {
  let steps = 0;
  let isArmed = false;
  let isOver = false;
  const isNow = (): boolean => isArmed && ++steps === moment?.step;
  const disk = remains.disk({
    onOperation: () => {
      if (!isNow() || !moment) return undefined;
      isOver = true;
      return { kind: "stopped", when: moment.when };
    },
  });
  const metadata = createMemoryMetadata({
    ...(remains.records ? { state: remains.records } : {}),
    async onApply() {
      if (!isOver && isNow()) {
        isOver = true;
        disk.stop();
      }
      if (isOver) await new Promise<never>(() => undefined);
    },
  });
  const ordered = await createDiskStorage({ directory: BYTES_DIRECTORY, fs: disk });
  const order = moment ? `${seed}/${moment.step}/${moment.when}` : seed;
  const storage = unordered(ordered, order);
  isArmed = true;
  const random = createRandom(`life/${seed}`);
  const clock = createVirtualClock(startMs);
  const parts = memoryParts({
    clock,
    storage,
    metadata,
    random,
    slots: createHeapSlots(),
    readSlots: createHeapSlots(),
  });
  const engine = createEngine(parts);
  return { engine, disk, metadata, clock, crashed: disk.stopped, steps: () => steps };
}

/** One legal thing that a life may leave behind: by power loss, or (`kill`) with the kernel living on. */
export function remainsOf(life: Life, image: number, how: "power" | "kill"): Remains {
  const extra = createRandom(`records/${image}`).whole(life.metadata.inFlight().length + 1);
  const records = life.metadata.snapshot(extra);
  const disk: Remains["disk"] = (options) =>
    how === "power" ? life.disk.crash(image, options) : life.disk.kill(image, options);
  return { disk, records };
}

/** Lives on a disk. */
export const diskLives: LifeCycle<Life, Remains> = {
  begin: beginLife,
  places: ["before", "during", "after"],
  remainsOf,
  fingerprintOf: ({ disk, records }) => fingerprint([disk({}).fingerprint(), records]),
};

/** Writes reach the storage in any order, as the port allows: who relies on an order that one storage happens to keep is found out. */
function unordered(storage: RegionStorage, order: string): RegionStorage {
  const schedule = createSeededSchedule(`unordered/${order}`);
  return {
    ...storage,
    async write(...args) {
      await new Promise<void>(schedule);
      await storage.write(...args);
    },
  };
}
