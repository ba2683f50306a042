// Files as the browser lets this site find them again after a reload, kept beside the checkpoints until their uploads have ended.
import type { Clock } from "../ports.ts";
import type { Database } from "./database.ts";

export interface Handles {
  /** Durable when it resolves. @throws HoldfastError `checkpoint_failed` */
  keep(identity: string, handle: FileSystemFileHandle): Promise<void>;
  /** Undefined where none is kept, or none can be. */
  find(identity: string): Promise<FileSystemFileHandle | undefined>;
  /** Nothing there is fine, and so is nowhere to look. */
  forget(identity: string): Promise<void>;
}

/** `identity` is that of the source which the file is. */
export function createHandles(clock: Pick<Clock, "now">, database: Database): Handles {
  return {
    keep: (identity, handle) =>
      database.use(async (connection) => {
        const { store, done } = connection.transaction("handles", "readwrite", {
          durability: "strict",
        });
        await Promise.all([store.put({ identity, handle, savedAt: clock.now() }), done]);
      }),
    find: (identity) =>
      database
        .use((connection) => connection.get("handles", identity))
        .then((kept) => kept?.handle)
        .catch(() => undefined),
    forget: (identity) =>
      database.use((connection) => connection.delete("handles", identity)).catch(() => undefined),
  };
}
