// The writer thread: the only one that writes the records. While a commit is on its way to the disk, the next group collects in its mailbox.
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { toHoldfastError } from "@holdfast/protocol";
import type { PackedChange } from "../records/packed.ts";
import { createGroupWriter } from "./group.ts";
import { type FromWriter, packError, type ToWriter } from "./messages.ts";
import { openForWriting, unusable } from "./schema.ts";

const port = parentPort;
if (port) {
  const say = (message: FromWriter) => port.postMessage(message);
  try {
    const { path }: { readonly path: string } = workerData;
    const db = openForWriting(path);
    const write = createGroupWriter(db);
    // A full disk is no reason to refuse: what is stored can be read, and there may be room again soon.
    let { fatal } = write([]);
    if (fatal) throw unusable(path, fatal.message, fatal);

    port.on("message", (first: ToWriter) => {
      const { changes, isLast } = takeGroup(first, () => receiveMessageOnPort(port)?.message);
      if (changes.length > 0 && !fatal) {
        const outcome = write(changes);
        fatal = outcome.fatal;
        say({
          kind: "settled",
          outcomes: outcome.errors.map((error) => error && packError(error)),
          fatal: fatal && packError(fatal),
        });
      }
      if (!isLast) return;
      if (!fatal) {
        // Moves the log into the tables, as closing does not while the reader is open. What has no room there stays in the log.
        createGroupWriter(db)([]);
        db.close();
      }
      port.close();
    });
    say({ kind: "ready" });
  } catch (cause) {
    say({ kind: "refused", error: packError(toHoldfastError(cause)) });
    port.close();
  }
}

/** Everything that has arrived. */
function takeGroup(
  first: ToWriter,
  next: () => ToWriter | undefined,
): { readonly changes: readonly PackedChange[]; readonly isLast: boolean } {
  const changes: PackedChange[] = [];
  let message: ToWriter | undefined = first;
  while (message?.kind === "apply") {
    changes.push(...message.changes);
    message = next();
  }
  return { changes, isLast: message?.kind === "close" };
}
