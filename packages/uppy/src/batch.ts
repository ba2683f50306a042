// What is told often, told at most ten times a second: the last word on each file, together.

/** In milliseconds. Not by frames of the screen: a tab that nobody looks at has none. */
const EVERY = 100;

export interface Batch<Value> {
  note(id: string, value: Value): void;
  /** What was noted and not told yet is told no more. */
  drop(id: string): void;
}

export function createBatch<Value>(tell: (id: string, value: Value) => void): Batch<Value> {
  const noted = new Map<string, Value>();
  let isDue = false;

  function tellAll(): void {
    isDue = false;
    const all = [...noted];
    noted.clear();
    for (const [id, value] of all) tell(id, value);
  }

  return {
    note(id, value) {
      noted.set(id, value);
      if (isDue) return;
      isDue = true;
      setTimeout(tellAll, EVERY);
    },
    drop: (id) => noted.delete(id),
  };
}
