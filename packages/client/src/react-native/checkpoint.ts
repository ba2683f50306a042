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

/** When it first seemed too old, in milliseconds since 1970; never is later than ever. */
type Doubted = Kept & { readonly doubtedAt: number };

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
    { readonly value: string | undefined; readonly done: Promise<void> }
  >();
  const claims = claimed.get(storage) ?? new Set<string>();
  claimed.set(storage, claims);

  function change(key: string, value: string | undefined): Promise<void> {
    const before = pending.get(key)?.done ?? Promise.resolve();
    const savedAt = now();
    const done = before
      .catch(() => undefined)
      .then(() =>
        use(() =>
          value === undefined
            ? storage.removeItem(PREFIX + key)
            : storage.setItem(PREFIX + key, JSON.stringify({ value, savedAt })),
        ),
      );
    const one = { value, done };
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

  async function find(key: string): Promise<Doubted | undefined> {
    const text = await use(() => storage.getItem(PREFIX + key));
    if (text === null) return undefined;
    const kept = decode(key, text);
    if (!kept) tell(`the checkpoint ${key} is none of ours and is passed over`);
    return kept;
  }

  return {
    async load(key) {
      const change = pending.get(key);
      return change ? change.value : (await find(key))?.value;
    },
    save: change,
    remove: (key) => change(key, undefined),
    async list() {
      await Promise.allSettled([...pending.values()].map(({ done }) => done));
      const keys = await use(() => storage.getAllKeys());
      const found: Kept[] = [];
      for (const name of keys) {
        if (!name.startsWith(PREFIX)) continue;
        const key = name.slice(PREFIX.length);
        const kept = await find(key);
        if (!kept) continue;
        const { value, savedAt, doubtedAt } = kept;
        const at = now();
        const isOld = savedAt < at - KEPT_MS;
        if (isOld && at - doubtedAt > DOUBTED_MS) {
          await change(key, undefined);
          continue;
        }
        // A doubt from the future comes from a clock that was wrong.
        if (isOld && doubtedAt > at && !pending.has(key)) {
          const text = JSON.stringify({ value, savedAt, doubtedAt: at });
          await use(() => storage.setItem(name, text));
        }
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

function decode(key: string, text: string): Doubted | undefined {
  const fields = new Map<string, unknown>(Object.entries(parseJson(text) ?? {}));
  const [value, savedAt] = [fields.get("value"), fields.get("savedAt")];
  const isKept = typeof value === "string" && typeof savedAt === "number";
  const doubted = fields.get("doubtedAt");
  const doubtedAt = typeof doubted === "number" ? doubted : Number.POSITIVE_INFINITY;
  return isKept ? { key, value, savedAt, doubtedAt } : undefined;
}

async function use<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("checkpoint_failed", `the app's storage fails: ${why}`, {}, error);
  }
}
