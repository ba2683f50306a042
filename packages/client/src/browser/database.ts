// The IndexedDB database of this origin, as far as it can be used: opened when it is needed, once more where it was closed, and never waited for without end.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Clock, Kept } from "../ports.ts";

const VERSION = 1;

/** Servers forget an upload that is not gone on with much sooner; what is this old is of no use to anybody. In milliseconds. */
const KEPT_MS: number = 30 * 24 * 60 * 60 * 1000;

/** A clock may be wrong by years, now or when something was kept: what seems that old is only removed if it still does so much later, in milliseconds. By then no server has it. */
const DOUBTED_MS: number = 2 * 24 * 60 * 60 * 1000;

/** Some browsers have been seen to leave a database unanswered for ever: no upload waits for it longer than this, in milliseconds. */
const ANSWER_MS = 10_000;

/** A file as the browser lets a site find it again, by the identity of the source that it is. */
export interface KeptHandle {
  readonly identity: string;
  readonly handle: FileSystemFileHandle;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

interface Doubted {
  /** When it first seemed too old, in milliseconds since 1970. */
  readonly doubtedAt?: number;
}

interface Schema extends DBSchema {
  checkpoints: { key: string; value: Kept & Doubted; indexes: { savedAt: number } };
  handles: { key: string; value: KeptHandle & Doubted; indexes: { savedAt: number } };
}

export type Connection = IDBPDatabase<Schema>;

export interface Database {
  /** Resolves with what `task` does; it may be begun twice. @throws HoldfastError `checkpoint_failed` */
  use<T>(task: (connection: Connection) => Promise<T>): Promise<T>;
  /** May be repeated; what is used again is opened again. */
  close(): void;
}

export function createDatabase(name: string, clock: Pick<Clock, "now" | "after">): Database {
  let opening: Promise<Connection> | undefined;
  /** Cleared once it has kept somebody waiting for too long, until it answers after all. */
  let isAnswering = true;

  function open(): Promise<Connection> {
    if (opening) return opening;
    const forget = () => {
      if (opening === mine) opening = undefined;
    };
    const mine = openConnection(name, clock.now(), forget);
    opening = mine;
    mine.catch(forget);
    return mine;
  }

  function within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const callOff = clock.after(ANSWER_MS, () => {
        isAnswering = false;
        reject(unanswered());
      });
      work.then(resolve, reject).finally(() => {
        callOff();
        isAnswering = true;
      });
    });
  }

  return {
    async use(task) {
      const had = opening;
      try {
        if (had && !isAnswering) throw unanswered();
        try {
          return await within(open().then(task));
        } catch (error) {
          if (!had || !isClosed(error)) throw error;
          opening = undefined;
        }
        return await within(open().then(task));
      } catch (error) {
        throw failed(error);
      }
    },
    close() {
      const held = opening;
      opening = undefined;
      // What is under way in it, it still ends.
      held?.then(
        (connection) => connection.close(),
        () => undefined,
      );
    },
  };
}

/** `onGone`: it was closed by somebody else, for a newer version of us or because what this site keeps was removed. */
async function openConnection(name: string, now: number, onGone: () => void): Promise<Connection> {
  const connection = await openDB<Schema>(name, VERSION, {
    upgrade: (fresh) => {
      fresh.createObjectStore("checkpoints", { keyPath: "key" }).createIndex("savedAt", "savedAt");
      const handles = fresh.createObjectStore("handles", { keyPath: "identity" });
      handles.createIndex("savedAt", "savedAt");
    },
    blocking: () => {
      connection.close();
      onGone();
    },
    terminated: onGone,
  });
  try {
    await sweep(connection, now);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** What is too old goes, as far as it can be removed. Rejects where this is no database of ours. */
async function sweep(connection: Connection, now: number): Promise<void> {
  const stores = ["checkpoints", "handles"] as const;
  const transaction = connection.transaction(stores, "readwrite");
  const before = IDBKeyRange.upperBound(now - KEPT_MS);
  const removeOld = async (name: (typeof stores)[number]) => {
    const old = transaction.objectStore(name).index("savedAt").iterate(before);
    for await (const cursor of old) {
      // A doubt from the future comes from a clock that was wrong.
      const { doubtedAt = Infinity } = cursor.value;
      if (now - doubtedAt > DOUBTED_MS) await cursor.delete();
      else if (doubtedAt > now) await cursor.update({ ...cursor.value, doubtedAt: now });
    }
  };
  await Promise.allSettled([...stores.map(removeOld), transaction.done]);
}

/** A transaction cannot be begun on a connection that is closing. */
function isClosed(error: unknown): boolean {
  return error instanceof Error && error.name === "InvalidStateError";
}

function unanswered(): HoldfastError {
  const why = "the browser's storage does not answer";
  return new HoldfastError("checkpoint_failed", why, { cause: "TimeoutError" });
}

const REASONS: Readonly<Record<string, string>> = {
  QuotaExceededError: "the browser has no room left for what this site keeps",
  SecurityError: "the browser lets this site keep nothing",
  ReferenceError: "this browser keeps nothing for sites",
  VersionError:
    "a newer version of this site is open, or was, and keeps its checkpoints in another form",
  NotFoundError: "something else has taken the name of the database of checkpoints",
};

function failed(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  const { name, message } = error instanceof Error ? error : { name: "unknown", message: "" };
  // So says Chromium where a person has forbidden it: by no name of its own.
  const isDenied = name === "UnknownError" && /denied/i.test(message);
  const why =
    REASONS[isDenied ? "SecurityError" : name] ?? `the browser's storage does not work: ${message}`;
  return new HoldfastError("checkpoint_failed", why, { cause: name }, error);
}
