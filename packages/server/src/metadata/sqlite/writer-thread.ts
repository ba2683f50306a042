// The calling thread's end of the writer: sends changes a turn at a time, settles them as the answers come.
import { Worker } from "node:worker_threads";
import type { Change } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { type PackedChange, packChange } from "../records/packed.ts";
import { type FromWriter, type PackedError, type ToWriter, unpackError } from "./messages.ts";

export interface WriterThread {
  /** Resolves when the change is durable. */
  apply(change: Change): Promise<undefined>;
  /** Resolves when everything given to `apply` has settled and the thread has ended. */
  close(): Promise<void>;
  /** Why nothing may be written any more, if so. */
  fatal(): HoldfastError | undefined;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: HoldfastError) => void;
}

/**
 * Starts the thread; resolves when it has opened the records.
 *
 * @throws HoldfastError `data_dir_unusable` where it cannot.
 */
export async function startWriter(
  path: string,
  onFatal: (error: HoldfastError) => void,
): Promise<WriterThread> {
  const source = import.meta.url.endsWith(".ts") ? "./writer.ts" : "./writer.js";
  const worker = new Worker(new URL(source, import.meta.url), {
    name: "holdfast-records",
    workerData: { path },
    // Not the process's own: some of those, such as --input-type, no thread takes.
    execArgv: [],
  });
  await opened(worker);
  return connect(worker, onFatal);
}

function opened(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(lost(cause));
    worker.once("error", fail);
    worker.once("exit", fail);
    worker.once("message", (message: FromWriter) => {
      worker.off("error", fail);
      worker.off("exit", fail);
      if (message.kind === "refused") reject(unpackError(message.error));
      else resolve();
    });
  });
}

function connect(worker: Worker, onFatal: (error: HoldfastError) => void): WriterThread {
  let outgoing: PackedChange[] = [];
  let waiting: Waiting[] = [];
  let fatal: HoldfastError | undefined;
  let isClosing = false;

  const send = (message: ToWriter) => worker.postMessage(message);
  // A thread without work does not keep the process alive; one with work does, so that its answers are heard.
  worker.unref();

  function flush(): void {
    if (outgoing.length === 0) return;
    send({ kind: "apply", changes: outgoing });
    outgoing = [];
  }

  function settle(outcomes: readonly (PackedError | undefined)[]): void {
    for (const [at, { resolve, reject }] of waiting.splice(0, outcomes.length).entries()) {
      const outcome = outcomes[at];
      if (outcome) reject(unpackError(outcome));
      else resolve();
    }
    if (waiting.length === 0 && !isClosing) worker.unref();
  }

  function poison(error: HoldfastError): void {
    if (fatal) return;
    fatal = error;
    outgoing = [];
    for (const { reject } of waiting) reject(stopped(error));
    waiting = [];
    if (!isClosing) worker.unref();
    onFatal(error);
  }

  const ended = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      if (!isClosing || waiting.length > 0) poison(lost(undefined));
      resolve();
    });
  });
  worker.on("error", (cause) => poison(lost(cause)));
  worker.on("message", (message: FromWriter) => {
    if (message.kind !== "settled") return;
    settle(message.outcomes);
    if (message.fatal) poison(unpackError(message.fatal));
  });

  return {
    async apply(change) {
      if (fatal) throw stopped(fatal);
      const packed = packChange(change);
      // One message a turn of the event loop: what belongs together travels together.
      if (outgoing.push(packed) === 1) setImmediate(flush);
      if (waiting.length === 0) worker.ref();
      await new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
      // Nobody shares these records.
      return undefined;
    },
    async close() {
      if (!isClosing) {
        isClosing = true;
        flush();
        send({ kind: "close" });
        worker.ref();
      }
      await ended;
    },
    fatal: () => fatal,
  };
}

function stopped(cause: HoldfastError): HoldfastError {
  const message =
    "the records take no change since an I/O error; a new start finds out what is stored";
  return new HoldfastError("storage_failed", message, {}, cause);
}

function lost(cause: unknown): HoldfastError {
  return new HoldfastError("storage_failed", "the writer thread ended unexpectedly", {}, cause);
}
