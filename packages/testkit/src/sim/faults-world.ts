// A server on a simulated disk that fails now and then, crashes when it is told to and starts again; all of it from one seed.
//
// Faults are those that a disk has in daily life: no room, I/O errors and short writes, flushes that fail, of directories too, names that cannot be changed,
// files that cannot be opened, cut or read for a while, records that have no room.
import { createEngine, type Engine } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { createDiskStorage } from "@holdfast/server/storage/disk";
import { createVirtualClock, type VirtualClock } from "../clock.ts";
import { createHeapSlots } from "../heap-slots.ts";
import { createMemoryMetadata, type MemoryMetadata } from "../metadata/memory.ts";
import type { RecordState } from "../metadata/state.ts";
import { createRandom, type SeededRandom } from "../random.ts";
import { memoryParts } from "../world.ts";
import { BLOCK_SIZE } from "./disk-state.ts";
import { createSimFs, type Fate, type Operation, type SimFs, type SimFsOptions } from "./fs.ts";
import { BYTES_DIRECTORY } from "./life.ts";
import { createSeededSchedule } from "./schedule.ts";

export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "refused"; readonly error: HoldfastError };

export type Say = (line: string) => void;

export interface FaultyWorld {
  readonly random: SeededRandom;
  readonly clock: VirtualClock;
  /** What no client may ever see; empty at the end, or a promise is broken. */
  readonly wrong: string[];
  readonly say: Say;
  /** The server of the present life. */
  readonly engine: () => Engine;
  readonly metadata: () => MemoryMetadata;
  readonly disk: () => SimFs;
  /** Lives so far, counted from 1. */
  readonly lives: () => number;
  /** From now on so many of 100 writes, flushes and changes of records fail. */
  readonly failAtRate: (percent: number) => void;
  /** Lets the world go on until this has ended. Throws if it never does. */
  readonly settle: <T>(promise: Promise<T>) => Promise<Outcome<T>>;
  /** A flush of the directory has failed in this life: what needs one is refused until the next. */
  readonly isStuck: () => boolean;
  /** Power loss, or kill -9; then a new server that has recovered, with no fault on its way. */
  readonly crash: () => Promise<void>;
}

interface Life {
  readonly engine: Engine;
  readonly metadata: MemoryMetadata;
  readonly disk: SimFs;
  /** From now on nothing that this life does takes effect, and nobody hears of it. */
  readonly stop: () => void;
}

/** Plays one seed and says what is wrong after it. */
export async function playFaults(
  seed: number,
  play: (world: FaultyWorld) => Promise<void>,
  say: Say = () => undefined,
): Promise<readonly string[]> {
  const world = await createFaultyWorld(seed, say);
  try {
    await play(world);
  } catch (error) {
    world.wrong.push(error instanceof Error ? `${error.stack}` : String(error));
  }
  return world.wrong;
}

async function createFaultyWorld(seed: number, say: Say): Promise<FaultyWorld> {
  const random = createRandom(`faults/${seed}`);
  const clock = createVirtualClock();
  const wrong: string[] = [];
  const hasDirectIo = random.chance(0.5);
  let rate = 0;
  let lives = 0;
  let stuckLife = 0;
  /** In this life. */
  let readFaults = 0;

  const isFault = (): boolean => rate > 0 && random.whole(100) < rate;
  const onOperation = (operation: Operation): Fate | undefined => {
    // A file between its names is read under the one it gets back.
    const isRead = operation.kind === "pread" || operation.kind === "rename";
    if (isRead && readFaults >= READ_FAULTS_MAX) return undefined;
    const fate = isFault() ? faultOf(operation, random) : undefined;
    if (fate && isRead) readFaults++;
    if (fate) say(`fault: ${operation.kind} ${JSON.stringify(fate)}`);
    if (fate && operation.kind === "fsyncDir") stuckLife = lives;
    return fate;
  };
  const begin = async (makeDisk: (options: SimFsOptions) => SimFs, state?: RecordState) => {
    const number = lives++;
    readFaults = 0;
    let isOver = false;
    const schedule = createSeededSchedule(`${seed}/${number}`);
    const disk = makeDisk({ onOperation, hasDirectIo, schedule });
    const metadata = createMemoryMetadata({
      ...(state ? { state } : {}),
      async onApply(point) {
        if (isOver) await new Promise<never>(() => undefined);
        if (point !== "before-durable" || !isFault()) return;
        say("fault: no room for a record");
        throw new HoldfastError("storage_full");
      },
    });
    const storage = await createDiskStorage({ directory: BYTES_DIRECTORY, fs: disk });
    const parts = memoryParts({
      clock,
      storage,
      metadata,
      random: createRandom(`faults/${seed}/${number}`),
      slots: createHeapSlots(),
      readSlots: createHeapSlots(),
    });
    const stop = (): void => {
      isOver = true;
      disk.stop();
    };
    return { engine: createEngine(parts), metadata, disk, stop };
  };

  let life: Life = await begin(createSimFs);
  const settle = async <T>(promise: Promise<T>): Promise<Outcome<T>> => {
    const outcome = await untilSettled(outcomeOf(promise), clock);
    if (outcome.kind === "refused" && outcome.error.code === "internal") throw outcome.error;
    return outcome;
  };
  return {
    random,
    clock,
    wrong,
    say,
    engine: () => life.engine,
    metadata: () => life.metadata,
    disk: () => life.disk,
    lives: () => lives,
    isStuck: () => stuckLife === lives,
    failAtRate: (percent) => {
      rate = percent;
    },
    settle,
    async crash() {
      rate = 0;
      life.stop();
      // What was answered before the end is still heard.
      await turns(3);
      const { disk, metadata } = life;
      const records = metadata.snapshot(random.whole(metadata.inFlight().length + 1));
      const how = random.chance(0.5) ? "crash" : "kill";
      say(`${how} of life ${lives}`);
      life = await begin((options) => disk[how](`${seed}/${lives}`, options), records);
      const recovered = await settle(life.engine.recover());
      if (recovered.kind === "refused") wrong.push(`no recovery: ${recovered.error.code}`);
    },
  };
}

const FAILING: ReadonlySet<Operation["kind"]> = new Set([
  ...(["fdatasync", "fsyncDir", "rename"] as const),
  ...(["truncate", "size", "pread"] as const),
]);
/** Fewer than the looks after which a part that cannot be read counts as lost. */
const READ_FAULTS_MAX = 2;

function faultOf({ kind, size = 0 }: Operation, random: SeededRandom): Fate | undefined {
  if (kind === "open") return { kind: "failed", errno: "EMFILE" };
  if (FAILING.has(kind)) return { kind: "failed", errno: "EIO" };
  if (kind !== "pwrite") return undefined;
  const how = random.whole(3);
  if (how > 0) return { kind: "failed", errno: how === 1 ? "EIO" : "ENOSPC" };
  const blocks = Math.max(1, Math.floor(size / BLOCK_SIZE));
  return { kind: "short", size: BLOCK_SIZE * random.whole(blocks) };
}

/** Nothing but a `HoldfastError` may come out of an engine. */
async function outcomeOf<T>(promise: Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "done", value: await promise };
  } catch (error) {
    if (error instanceof HoldfastError) return { kind: "refused", error };
    throw error;
  }
}

/** Turns of the event loop, and time that passes every so many of them, for whoever waits to try again. */
async function untilSettled<T>(promise: Promise<T>, clock: VirtualClock): Promise<T> {
  let isSettled = false;
  const note = (): void => {
    isSettled = true;
  };
  promise.then(note, note);
  for (let turn = 1; turn <= 4000 && !isSettled; turn++) {
    await turns(1);
    if (turn % 20 === 0) clock.advance(500);
  }
  if (!isSettled) throw new Error("something never ended");
  return promise;
}

/** Lets whatever is ready go on. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** One of these, all as likely. */
export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  const item = items[random.whole(items.length)];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}
