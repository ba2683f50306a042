// A transfer of a stream: what cannot be read or written twice is kept in memory until it is where it belongs.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { createEmitter, type Emitter, type PublicState, type Transfer } from "../events.ts";
import { createMeter } from "../meter.ts";
import { persist } from "../persist.ts";
import type { Clock, Random } from "../ports.ts";
import { createPulse } from "../pulse.ts";
import type { Finished, Result } from "../state.ts";

/** What a stream's work is done with. */
export interface Stream {
  /** Fires when the transfer is to end. */
  readonly signal: AbortSignal;
  readonly emit: Emitter["emit"];
  enter(state: PublicState): void;
  /** Tries until it succeeds or no repetition would help; stops while the transfer is paused. */
  insist<T>(work: (attempt: number, signal: AbortSignal) => Promise<T>): Promise<T>;
  /** A run is tried, for the first time or again: nothing of it is on its way yet. */
  trying(run: object): void;
  /** More bytes of it are. */
  sent(run: object, bytes: number): void;
  /** A run has arrived. */
  committed(run: object, bytes: number): void;
  /** Undefined until it is known. */
  sized(size: number | undefined): void;
}

export interface StreamParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly giveUpMs: number | undefined;
  run(stream: Stream): Promise<Finished>;
  /** Removes what there is on the server, as far as that can be done now: nobody could go on with it. */
  discard(): Promise<void>;
  close(): Promise<void>;
}

export function runStream(parts: StreamParts): Transfer {
  const { clock, random, giveUpMs } = parts;
  const { on, emit } = createEmitter();
  const meter = createMeter(clock);
  const ending = new AbortController();
  const startedAt = clock.monotonic();
  const sentOf = new Map<object, number>();
  let state: PublicState = "opening";
  let pausing = new AbortController();
  let resumed = Promise.resolve();
  let resume: () => void = () => undefined;
  let before: PublicState = state;
  let size: number | undefined;
  let committed = 0;
  let bytesSent = 0;
  let progressAt = startedAt;

  function enter(next: PublicState): void {
    if (state === "paused") before = next;
    else if (next !== state) {
      state = next;
      emit("state", next);
    }
  }

  const pulse = createPulse(clock, () => {
    const rate = meter.rate(committed);
    const onTheWay = [...sentOf.values()].reduce((sum, bytes) => sum + bytes, 0);
    const left = size === undefined ? undefined : Math.max(0, size - committed);
    const sent = left === undefined ? onTheWay : Math.min(left, onTheWay);
    const eta = left !== undefined && rate > 0 ? left / rate : undefined;
    emit("progress", { committed, sent, size, rate, eta });
  });

  const stream: Stream = {
    signal: ending.signal,
    emit,
    enter,
    async insist(work) {
      for (;;) {
        await resumed;
        const signal = AbortSignal.any([ending.signal, pausing.signal]);
        const how = { clock, random, signal, progressAt: () => progressAt };
        const patience = giveUpMs === undefined ? {} : { giveUpMs };
        const onTrouble = (trouble: Parameters<typeof emit<"retry">>[1]) => emit("retry", trouble);
        try {
          return await persist({ ...how, ...patience, onTrouble }, (attempt) =>
            work(attempt, signal),
          );
        } catch (error) {
          if (ending.signal.aborted || !signal.aborted) throw error;
        }
      }
    },
    trying(run) {
      if (sentOf.delete(run)) pulse.later();
    },
    sent(run, bytes) {
      bytesSent += bytes;
      sentOf.set(run, (sentOf.get(run) ?? 0) + bytes);
      pulse.soon();
    },
    committed(run, bytes) {
      sentOf.delete(run);
      committed += bytes;
      progressAt = clock.monotonic();
      pulse.now();
    },
    sized(now) {
      size = now;
      pulse.now();
    },
  };

  async function all(): Promise<Result> {
    // Whoever started us puts listeners on before anything happens.
    await Promise.resolve();
    emit("state", state);
    try {
      const file = await parts.run(stream);
      pulse.settle();
      enter("complete");
      const seconds = (clock.monotonic() - startedAt) / 1000;
      return { ...file, bytesSent, bytesCommitted: file.size, seconds, resumedBytes: 0 };
    } catch (error) {
      ending.abort(error);
      pulse.settle();
      await Promise.allSettled([parts.discard()]);
      const told = toHoldfastError(error);
      state = told.code === "aborted" ? "aborted" : "failed";
      emit("state", state);
      if (state === "failed") emit("error", told);
      throw told;
    } finally {
      await Promise.allSettled([parts.close()]);
    }
  }

  const done = all();
  // Who listens to events only must not meet an unhandled rejection.
  done.catch(() => "told by the error event");
  return {
    on,
    done,
    get state() {
      return state;
    },
    async pause() {
      if (state === "paused" || ending.signal.aborted) return;
      before = state;
      state = "paused";
      const turned = Promise.withResolvers<void>();
      resumed = turned.promise;
      resume = turned.resolve;
      pausing.abort(new HoldfastError("aborted"));
      emit("state", state);
    },
    resume() {
      if (state !== "paused") return;
      state = before;
      pausing = new AbortController();
      progressAt = clock.monotonic();
      emit("state", state);
      resume();
    },
    abort() {
      ending.abort(new HoldfastError("aborted"));
      resume();
    },
  };
}
