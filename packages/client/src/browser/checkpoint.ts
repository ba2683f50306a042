// Checkpoints in the browser's IndexedDB, shared by all pages of this origin. What cannot be kept there is kept in this page's memory, which is said each time.
import type { Settle } from "../place-id.ts";
import type { CheckpointStore, Clock, Kept } from "../ports.ts";
import type { Claims } from "./claims.ts";
import type { Database } from "./database.ts";

export interface CheckpointParts {
  readonly clock: Pick<Clock, "now">;
  readonly claims: Claims;
  readonly database: Database;
}

/** A change that waits for its turn; without a value it removes the key. */
interface Change {
  readonly key: string;
  readonly value: string | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/** Opens nothing yet: what goes wrong is told by the call that meets it. */
export function createCheckpointStore({
  clock,
  claims,
  database,
}: CheckpointParts): CheckpointStore {
  const listeners = new Set<(detail: string) => void>();
  /** Damage that nobody was there to be told of. */
  const untold: string[] = [];
  /** What the database would not take: newer than what that has. */
  const memory = new Map<string, Kept>();
  /** The latest change of each key that is not committed yet. */
  const pending = new Map<string, Change>();
  let waiting: Change[] = [];
  let isCommitting = false;

  function change(key: string, value: string | undefined): Promise<void> {
    const one = { key, value, done: Promise.withResolvers<void>() };
    waiting.push(one);
    pending.set(key, one);
    void commitAll();
    return one.done.promise;
  }

  /** What comes while one transaction is flushed goes together in the next: each flush costs the same, whatever is in it. */
  async function commitAll(): Promise<void> {
    if (isCommitting) return;
    isCommitting = true;
    // Those that come in one turn go together.
    await Promise.resolve();
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      const failure = await commit(group);
      for (const one of group) {
        if (pending.get(one.key) === one) pending.delete(one.key);
        if (failure === undefined) one.done.resolve();
        else one.done.reject(failure);
      }
    }
    isCommitting = false;
  }

  /** All of them or none. Resolves when they survive power loss as far as a browser knows, or with why they do not. */
  async function commit(group: readonly Change[]): Promise<unknown> {
    const savedAt = clock.now();
    try {
      await database.use(async (connection) => {
        const how = { durability: "strict" } as const;
        const { store, done } = connection.transaction("checkpoints", "readwrite", how);
        const writes = group.map(({ key, value }) =>
          value === undefined ? store.delete(key) : store.put({ key, value, savedAt }),
        );
        await Promise.all([...writes, done]);
      });
      for (const { key } of group) memory.delete(key);
      return undefined;
    } catch (error) {
      for (const { key, value } of group) {
        if (value === undefined) memory.delete(key);
        else memory.set(key, { key, value, savedAt });
      }
      return error;
    }
  }

  function tell(detail: string): void {
    const [listener] = listeners;
    if (listener) listener(detail);
    else untold.push(detail);
  }

  /** Whatever else writes into this database: what it leaves there is passed over, and named. */
  function isOurs(found: Kept): boolean {
    const isRecord = typeof found.value === "string" && Number.isFinite(found.savedAt);
    if (!isRecord) tell(`the checkpoint ${String(found.key)} is none of ours and is passed over`);
    return isRecord;
  }

  return {
    async load(key) {
      const change = pending.get(key);
      if (change) return change.value;
      const kept = memory.get(key);
      if (kept) return kept.value;
      const found = await database.use((connection) => connection.get("checkpoints", key));
      return found && isOurs(found) ? found.value : undefined;
    },
    save: change,
    async remove(key) {
      const isOnlyHere = memory.has(key);
      await change(key, undefined).catch((error: unknown) => {
        if (!isOnlyHere) throw error;
      });
    },
    async list() {
      await Promise.allSettled([...pending.values()].map(({ done }) => done.promise));
      const here = [...memory.values()];
      const found = await database
        .use((connection) => connection.getAll("checkpoints"))
        .catch((error: unknown) => {
          if (here.length === 0) throw error;
          return [];
        });
      const kept = found.filter((one) => isOurs(one) && !memory.has(one.key));
      return [...kept, ...here].sort(
        (one, other) => one.savedAt - other.savedAt || (one.key < other.key ? -1 : 1),
      );
    },
    ...claims,
    onDamage(listener) {
      listeners.add(listener);
      for (const detail of untold.splice(0)) listener(detail);
      return () => listeners.delete(listener);
    },
    close: () => database.close(),
  };
}

/** In one transaction, before and after which those of other tabs are: they need no locks for it, which pages on plain HTTP have not. */
export function settleIn(database: Database, clock: Pick<Clock, "now">): Settle {
  return (key, choose) =>
    database.use(async (connection) => {
      const how = { durability: "strict" } as const;
      const { store, done } = connection.transaction("checkpoints", "readwrite", how);
      const found: unknown = (await store.get(key))?.value;
      const value = choose(typeof found === "string" ? found : undefined);
      await Promise.all([store.put({ key, value, savedAt: clock.now() }), done]);
      return value;
    });
}
