// Whether anything is under way in this tab that would stop if it went: for whoever keeps a screen awake, or asks before the tab is closed.

export interface Running {
  /** What is paused, has ended, or runs in another tab is not running here. */
  note(id: number, isRunning: boolean): void;
  /** Called at once if something is, and with each change. The returned function takes the listener off. */
  on(listener: (isRunning: boolean) => void): () => void;
}

export function createRunning(): Running {
  const ids = new Set<number>();
  const listeners = new Set<(isRunning: boolean) => void>();
  return {
    note(id, isRunning) {
      const before = ids.size > 0;
      if (isRunning) ids.add(id);
      else ids.delete(id);
      const now = ids.size > 0;
      if (now !== before) for (const listener of [...listeners]) listener(now);
    },
    on(listener) {
      listeners.add(listener);
      if (ids.size > 0) listener(true);
      return () => listeners.delete(listener);
    },
  };
}
