// Replies that are being sent. A download may take hours: a server that closes gives it some time to end, then ends it.
import type { Clock } from "@holdfast/engine";

export interface Replies {
  /** Counts one more; `cut` ends it at once, whatever is still to come. The returned function takes it out again. */
  enter(cut: () => void): () => void;
  /** Resolves when none is being sent any more. Those that still are after `ms` are cut. */
  end(clock: Clock, ms: number): Promise<void>;
}

export function createReplies(): Replies {
  const cuts = new Set<() => void>();
  let whenNone: (() => void) | undefined;
  return {
    enter(cut) {
      // Its own, so that the same function twice counts twice.
      const one = (): void => cut();
      cuts.add(one);
      return () => {
        cuts.delete(one);
        if (cuts.size === 0) whenNone?.();
      };
    },
    async end(clock, ms) {
      if (cuts.size === 0) return;
      const { promise: over, resolve } = Promise.withResolvers<void>();
      whenNone = resolve;
      const callOff = clock.after(ms, () => {
        for (const cut of cuts) cut();
        resolve();
      });
      await over;
      callOff();
    },
  };
}
