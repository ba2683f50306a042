// Moves the items of a stream in a few lanes: begun in order, moved side by side, landed in order.

export interface LaneWork<Item> {
  /** The next item, or undefined at the end. Never called twice at once. */
  next(): Promise<Item | undefined>;
  /** Moves one; what it tries again, it tries itself. `turn` resolves once all before it have landed, and rejects where one of them never will. */
  move(item: Item, turn: () => Promise<void>): Promise<void>;
  /** Called once each was moved, in the order of the items, one after another. */
  land(item: Item): Promise<void>;
}

/**
 * Resolves when every item has landed; rejects with the first error, once no call runs any more. An item keeps its lane until it has landed, and items are
 * begun in order: so the first that has not landed always has a lane, and nothing waits for what cannot begin. Memory is that of `count` items.
 */
export async function runLanes<Item>(count: number, work: LaneWork<Item>): Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  let landed: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;

  /** Takes an item and, in the same turn, its place in the order of landing. */
  function take(): Promise<{ item: Item; before: Promise<void>; done: () => void } | undefined> {
    const taken = turn.then(async () => {
      if (failure) return undefined;
      const item = await work.next();
      if (item === undefined) return undefined;
      const before = landed;
      const { promise, resolve } = Promise.withResolvers<void>();
      landed = promise;
      return { item, before, done: resolve };
    });
    turn = taken.catch(() => undefined);
    return taken;
  }

  function requireAll(): void {
    if (failure) throw failure.error;
  }

  async function lane(): Promise<void> {
    try {
      for (let taken = await take(); taken; taken = await take()) {
        try {
          const { item, before } = taken;
          await work.move(item, () => before.then(requireAll));
          await before;
          if (!failure) await work.land(item);
        } finally {
          taken.done();
        }
      }
    } catch (error) {
      failure ??= { error };
    }
  }

  await Promise.all(Array.from({ length: count }, lane));
  if (failure) throw failure.error;
}
