// At most so many at once; the others wait their turn, first come first served.

export interface Limit {
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createLimit(max: number): Limit {
  let running = 0;
  const waiting: (() => void)[] = [];
  return {
    async run(task) {
      if (running < max) running++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await task();
      } finally {
        // A turn that ends is handed on, so that nobody can slip in before those who wait.
        const next = waiting.shift();
        if (next) next();
        else running--;
      }
    },
  };
}
