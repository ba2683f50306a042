// Checkpoints in the storage of an app: one entry each, whose keys begin with a word of ours.
import { HoldfastError } from "@holdfast/protocol";
import { parseJson } from "../parse-json.ts";
import type { CheckpointStore, Clock, Kept } from "../ports.ts";
import type { DeviceStorage } from "./device.ts";

const PREFIX = "holdfast/";

/** What servers have long forgotten is of no use to anybody. In milliseconds. */
const KEPT_MS: number = 30 * 24 * 60 * 60 * 1000;

/** A clock may be wrong by years, now or when something was kept: what seems that old is only removed if it still does so much later, in milliseconds. */
const DOUBTED_MS: number = 2 * 24 * 60 * 60 * 1000;

/** What an entry holds. */
interface Entry extends Omit<Kept, "key"> {
  /** When it first seemed too old, in milliseconds since 1970. */
  readonly doubtedAt?: number;
}

/** An app is one process: what of it is at a transfer, by storage, since two clients may have the same. */
const claimed = new WeakMap<DeviceStorage, Set<string>>();

/** Opens nothing: what goes wrong is told by the call that meets it. */
export function createDeviceCheckpoints(
  storage: DeviceStorage,
  { now }: Pick<Clock, "now">,
): CheckpointStore {
  const listeners = new Set<(detail: string) => void>();
  const untold: string[] = [];
  /** Of each key, the latest change that is not done yet: changes of one key go one after another. */
  const pending = new Map<
    string,
    { readonly entry: Entry | undefined; readonly done: Promise<void> }
  >();
  const claims = claimed.get(storage) ?? new Set<string>();
  claimed.set(storage, claims);

  function change(key: string, entry: Entry | undefined): Promise<void> {
    const before = pending.get(key)?.done ?? Promise.resolve();
    const done = before
      .catch(() => undefined)
      .then(() =>
        use(() =>
          entry === undefined
            ? storage.removeItem(PREFIX + key)
            : storage.setItem(PREFIX + key, JSON.stringify(entry)),
        ),
      );
    const one = { entry, done };
    pending.set(key, one);
    const end = () => {
      if (pending.get(key) === one) pending.delete(key);
    };
    done.then(end, end);
    return done;
  }

  function tell(detail: string): void {
    const [listener] = listeners;
    if (listener) listener(detail);
    else untold.push(detail);
  }

  async function find(key: string): Promise<Entry | undefined> {
    const text = await use(() => storage.getItem(PREFIX + key));
    if (text === null) return undefined;
    const entry = decode(text);
    if (!entry) tell(`the checkpoint ${key} is none of ours and is passed over`);
    return entry;
  }

  /** What was saved meanwhile is not old. Resolves with whether it is removed. */
  async function sweep(
    key: string,
    { value, savedAt, doubtedAt = Infinity }: Entry,
  ): Promise<boolean> {
    const at = now();
    if (savedAt >= at - KEPT_MS || pending.has(key)) return false;
    const isOver = at - doubtedAt > DOUBTED_MS;
    // A doubt from the future comes from a clock that was wrong.
    if (isOver) await change(key, undefined).catch(() => undefined);
    else if (doubtedAt > at)
      await change(key, { value, savedAt, doubtedAt: at }).catch(() => undefined);
    return isOver;
  }

  return {
    async load(key) {
      const change = pending.get(key);
      return (change ? change.entry : await find(key))?.value;
    },
    save: (key, value) => change(key, { value, savedAt: now() }),
    remove: (key) => change(key, undefined),
    async list() {
      await Promise.allSettled([...pending.values()].map(({ done }) => done));
      const keys = await use(() => storage.getAllKeys());
      const found: Kept[] = [];
      for (const name of keys) {
        if (!name.startsWith(PREFIX)) continue;
        const key = name.slice(PREFIX.length);
        const entry = await find(key);
        if (!entry || (await sweep(key, entry))) continue;
        const { value, savedAt } = entry;
        found.push({ key, value, savedAt });
      }
      return found.sort(
        (one, other) => one.savedAt - other.savedAt || (one.key < other.key ? -1 : 1),
      );
    },
    async claim(key) {
      if (claims.has(key))
        throw new HoldfastError("transfer_busy", "this app is at this transfer already");
      claims.add(key);
      let isHeld = true;
      return () => {
        if (isHeld) claims.delete(key);
        isHeld = false;
      };
    },
    holder: async (key) => (claims.has(key) ? { pid: undefined } : undefined),
    onDamage(listener) {
      listeners.add(listener);
      for (const detail of untold.splice(0)) listener(detail);
      return () => listeners.delete(listener);
    },
    close: () => undefined,
  };
}

function decode(text: string): Entry | undefined {
  const fields = new Map<string, unknown>(Object.entries(parseJson(text) ?? {}));
  const [value, savedAt] = [fields.get("value"), fields.get("savedAt")];
  const doubtedAt = fields.get("doubtedAt");
  if (typeof value !== "string" || typeof savedAt !== "number") return undefined;
  return { value, savedAt, ...(typeof doubtedAt === "number" ? { doubtedAt } : {}) };
}

async function use<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("checkpoint_failed", `the app's storage fails: ${why}`, {}, error);
  }
}
