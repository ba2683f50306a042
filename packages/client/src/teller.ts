// Tells of progress: which parts were committed, how many bytes, how fast.
import { addPart, createPartSet, type Grid, hasPart, partCount } from "@holdfast/protocol";
import type { Emitter } from "./events.ts";
import { createMeter } from "./meter.ts";
import type { Clock } from "./ports.ts";
import { createPulse } from "./pulse.ts";
import { committedBytes } from "./schedule.ts";
import type { Finished, Plan, Result } from "./state.ts";

type Filled = Pick<Plan, "grid" | "committed">;

export interface Teller {
  /** The plan as it is now. */
  follow(plan: Filled | undefined): void;
  /** All parts of a grid were brought by one step. */
  stored(grid: Grid): void;
  /** Bytes of a run's body, or of a step's where there is no run, went over the network. */
  moved(run: number | undefined, bytes: number): void;
  /** A run is over: what it sent is committed, or to be sent again. */
  landed(run: number): void;
  /** The file is there, whoever brought it. */
  completed(file: Finished): void;
  /** Nothing moves any more: tells what is not told yet. */
  settle(): void;
  resultOf(file: Finished): Result;
}

export function createTeller(clock: Clock, emit: Emitter["emit"]): Teller {
  const meter = createMeter(clock);
  const startedAt = clock.monotonic();
  const sentOf = new Map<number, number>();
  let plan: Filled | undefined;
  let resumedBytes: number | undefined;
  let bytesSent = 0;
  let told: number | undefined;
  const pulse = createPulse(clock, () => {
    if (plan) tellProgress(plan.grid.size, committedBytes(plan.grid, plan.committed));
  });

  function tellProgress(size: number, committed: number): void {
    const left = size - committed;
    const rate = meter.rate(committed);
    const sent = [...sentOf.values()].reduce((sum, bytes) => sum + bytes, 0);
    told = committed;
    emit("progress", {
      committed,
      sent: Math.min(sent, left),
      size,
      rate,
      eta: rate > 0 ? left / rate : undefined,
    });
  }

  function tellParts(before: Filled, now: Filled): void {
    for (const [at, byte] of now.committed.bits.entries()) {
      if (byte === before.committed.bits[at]) continue;
      for (let index = at * 8; index < at * 8 + 8; index++) {
        if (hasPart(now.committed, index) && !hasPart(before.committed, index))
          emit("part", { index });
      }
    }
  }

  function follow(now: Filled | undefined): void {
    const before = plan;
    plan = now;
    if (!now || now.committed === before?.committed) return;
    if (before) tellParts(before, now);
    else resumedBytes = committedBytes(now.grid, now.committed);
    pulse.now();
  }

  return {
    follow,
    stored(grid) {
      const none = createPartSet(partCount(grid));
      const all = createPartSet(partCount(grid));
      for (let index = 0; index < all.partCount; index++) addPart(all, index);
      follow({ grid, committed: none });
      follow({ grid, committed: all });
    },
    moved(run, bytes) {
      bytesSent += bytes;
      if (run === undefined) return;
      sentOf.set(run, (sentOf.get(run) ?? 0) + bytes);
      pulse.soon();
    },
    landed(run) {
      if (sentOf.delete(run)) pulse.later();
    },
    completed({ size }) {
      // Where somebody else has brought the rest, no run of ours ever told of it.
      if (told !== size) tellProgress(size, size);
    },
    settle: pulse.settle,
    resultOf(file) {
      // Where there never was a plan, nothing was left to move.
      const resumed = resumedBytes ?? file.size;
      const seconds = (clock.monotonic() - startedAt) / 1000;
      return { ...file, bytesSent, bytesCommitted: file.size, seconds, resumedBytes: resumed };
    },
  };
}
