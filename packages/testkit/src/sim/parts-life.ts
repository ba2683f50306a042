// One life of a server over a store of parts: the real engine, records that a crash cuts at any moment, and a store that lives on, with requests still on their way to it.
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type BoundPart,
  createEngine,
  type PartStorage,
  type Place,
  type SignedRequest,
} from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "../clock.ts";
import { createHeapSlots } from "../heap-slots.ts";
import { createMemoryMetadata, type MemoryMetadata } from "../metadata/memory.ts";
import type { RecordState } from "../metadata/state.ts";
import { createRandom } from "../random.ts";
import { createMemoryParts, type MemoryParts, type PartCall } from "../storage/parts.ts";
import { copyParts, emptyParts, type PartsState, storePart } from "../storage/parts-state.ts";
import { memoryParts } from "../world.ts";
import type { AnyLife, LifeCycle } from "./every-step.ts";
import { fingerprint } from "./fingerprint.ts";
import type { Moment } from "./life.ts";

/** A request that had gone out when its sender died: the store gets it some time later, or never. */
type Late =
  | {
      readonly kind: "part";
      readonly place: Place;
      readonly part: BoundPart;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "signed"; readonly request: SignedRequest; readonly bytes: Uint8Array };

export interface PartsRemains {
  readonly state: PartsState;
  readonly records: RecordState | undefined;
  readonly late: readonly Late[];
}

export const nothingYet: PartsRemains = { state: emptyParts(), records: undefined, late: [] };

export interface PartsLife extends AnyLife {
  readonly storage: MemoryParts;
  readonly metadata: MemoryMetadata;
  readonly clock: VirtualClock;
  /** Requests that are out now, and those that an earlier life has left. */
  readonly late: Late[];
  /** A client sends a signed request; after it has gone out it may arrive again at any time. */
  bring(request: SignedRequest, bytes: Uint8Array): void;
}

/** Lives over a store of parts. Each call of it and each change of a record has two steps, before it has happened and after: nothing in a store is half done. */
export const partsLives: LifeCycle<PartsLife, PartsRemains> = {
  begin,
  places: ["before"],
  remainsOf,
  fingerprintOf: fingerprint,
};

async function begin(
  remains: PartsRemains,
  seed: string,
  moment?: Moment,
  startMs?: number,
): Promise<PartsLife> {
  let steps = 0;
  let isOver = false;
  const crashed = Promise.withResolvers<void>();
  async function step(): Promise<void> {
    if (!isOver && ++steps === moment?.step) {
      isOver = true;
      crashed.resolve();
    }
    if (isOver) await new Promise<never>(() => undefined);
  }
  const late = [...remains.late];
  const clock = createVirtualClock(startMs);
  const state = copyParts(remains.state);
  const onCall = (_: PartCall): Promise<void> => step();
  const storage = createMemoryParts({ clock, state, onCall });
  const metadata = createMemoryMetadata({
    ...(remains.records ? { state: remains.records } : {}),
    onApply: step,
  });
  const random = createRandom(`parts-life/${seed}/${remains.state.begun}`);
  const parts = memoryParts({
    ...{ clock, metadata, random, storage: noted(storage, late) },
    slots: createHeapSlots(),
    readSlots: createHeapSlots(),
  });
  return {
    engine: createEngine(parts),
    ...{ storage, metadata, clock, late },
    // What the server did in the same moment has gone out too.
    crashed: crashed.promise.then(() => nextTurn()),
    steps: () => steps,
    bring(request, bytes) {
      late.push({ kind: "signed", request, bytes });
      if (!isOver) storage.bring(request, bytes);
    },
  };
}

/** Takes note of each part that goes out: what has been sent may arrive once more. */
function noted(storage: MemoryParts, late: Late[]): PartStorage {
  return {
    ...storage,
    async putPart(place, part, body, signal) {
      const note = (pieces: readonly Uint8Array[]): void => {
        const bytes = new Uint8Array(Buffer.concat(pieces));
        late.push({ kind: "part", place, part, bytes });
      };
      if (body.kind === "memory") note(body.pieces);
      const sent = body.kind === "memory" ? body : { ...body, pieces: watched(body.pieces, note) };
      await storage.putPart(place, part, sent, signal);
    },
  };
}

/** Tells of all pieces once the last one is out. */
async function* watched(
  pieces: AsyncIterable<Uint8Array>,
  note: (pieces: readonly Uint8Array[]) => void,
): AsyncGenerator<Uint8Array, void, void> {
  const out: Uint8Array[] = [];
  for await (const piece of pieces) {
    out.push(piece.slice());
    yield piece;
  }
  note(out);
}

/** Resolves as the work does, while time passes: it stands still only once the life is over. */
export async function whileTimePasses<T>(
  work: Promise<T>,
  { clock, crashed }: PartsLife,
): Promise<T> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  work.then(end, end);
  void crashed.then(end);
  await nextTurn();
  while (!isOver) {
    clock.advance(500);
    await nextTurn();
  }
  return work;
}

function remainsOf(life: PartsLife, image: number): PartsRemains {
  const extra = createRandom(`records/${image}`).whole(life.metadata.inFlight().length + 1);
  const records = life.metadata.snapshot(extra);
  return { state: copyParts(life.storage.state), records, late: [...life.late] };
}

/** What was on its way arrives now, all of it, what was sent first at last; the store refuses what it does not know any more. */
export function landLate({ late, storage: { state } }: PartsLife): void {
  for (const request of late.toReversed()) {
    try {
      if (request.kind === "part") storePart(state, request.place, request.part, request.bytes);
      else createMemoryParts({ state }).bring(request.request, request.bytes);
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
    }
  }
}
