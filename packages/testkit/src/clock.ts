// A clock that moves only when it is told to.
import type { Clock } from "@holdfast/engine";

export interface VirtualClock extends Clock {
  /** Lets `ms` pass: every task that is due runs, in order of its time. */
  advance(ms: number): void;
  /** Lets time pass up to the next task, if there is one. */
  advanceToNext(): boolean;
}

interface Task {
  readonly at: number;
  readonly run: () => void;
}

/** Begins at 2026-01-01T00:00:00Z. */
export function createVirtualClock(startMs: number = Date.UTC(2026, 0, 1)): VirtualClock {
  let elapsed = 0;
  const tasks = new Set<Task>();

  function nextTask(until: number): Task | undefined {
    let next: Task | undefined;
    for (const task of tasks) if (task.at <= until && (!next || task.at < next.at)) next = task;
    return next;
  }
  function runUntil(until: number): void {
    for (let task = nextTask(until); task; task = nextTask(until)) {
      tasks.delete(task);
      elapsed = Math.max(elapsed, task.at);
      task.run();
    }
    elapsed = Math.max(elapsed, until);
  }
  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    after(ms, run) {
      const task = { at: elapsed + ms, run };
      tasks.add(task);
      return () => tasks.delete(task);
    },
    advance: (ms) => runUntil(elapsed + ms),
    advanceToNext() {
      const next = nextTask(Number.POSITIVE_INFINITY);
      if (next) runUntil(next.at);
      return next !== undefined;
    },
  };
}
