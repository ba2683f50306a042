// The event loop's end of the hashing thread: bytes are copied into memory that changes hands, a little at a time.
import { Worker } from "node:worker_threads";
import { type Scan, SLOT_SIZE } from "@holdfast/engine";
import { type Algorithm, HoldfastError } from "@holdfast/protocol";
import type { FromHasher, ToHasher } from "./messages.ts";

/** Pieces of one scan that may be on their way at once. */
const PIECES = 4;
/** Memory that scans leave to the next one: healing makes a scan of each part. */
const spare: Uint8Array<ArrayBuffer>[] = [];

interface Deferred<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** What comes back from the thread for one scan. */
interface Account {
  /** Pieces that it has, wherever they are. */
  pieces: number;
  readonly free: Uint8Array<ArrayBuffer>[];
  /** Whoever waits for memory: one at a time. */
  readonly onFree: Deferred<Uint8Array<ArrayBuffer>>[];
  /** In the order of the questions. */
  readonly onDigest: Deferred<Uint8Array>[];
}

interface Thread {
  readonly worker: Worker;
  readonly accounts: Map<number, Account>;
  failure: HoldfastError | undefined;
}

/** One thread for all, begun with the first scan and again after one that died; an idle one keeps no process alive. */
let shared: Thread | undefined;
let scans = 0;

function threadOf(): Thread {
  if (shared && !shared.failure) return shared;
  const source = import.meta.url.endsWith(".ts") ? "./scan-worker.ts" : "./scan-worker.js";
  const worker = new Worker(new URL(source, import.meta.url), {
    name: "holdfast-hashing",
    // Not the process's own: some of those, such as --input-type, no thread takes.
    execArgv: [],
  });
  const thread: Thread = { worker, accounts: new Map(), failure: undefined };
  worker.unref();
  worker.on("message", (message: FromHasher) => settle(thread, message));
  worker.on("error", (cause) => fail(thread, cause));
  worker.on("exit", () => fail(thread));
  shared = thread;
  return thread;
}

function settle(thread: Thread, message: FromHasher): void {
  const account = thread.accounts.get(message.scan);
  if (message.kind === "digest") {
    account?.onDigest.shift()?.resolve(message.digest);
    return;
  }
  const waiting = account?.onFree.shift();
  if (waiting) waiting.resolve(message.memory);
  else account?.free.push(message.memory);
}

function fail(thread: Thread, cause?: unknown): void {
  thread.failure ??= new HoldfastError("internal", "the hashing thread has ended", {}, cause);
  for (const { onFree, onDigest } of thread.accounts.values()) {
    for (const waiting of [...onFree.splice(0), ...onDigest.splice(0)])
      waiting.reject(thread.failure);
  }
}

/** As `Digests.scan`. */
export function startScan(what: { readonly parts?: Algorithm; readonly hasWhole: boolean }): Scan {
  const thread = threadOf();
  const scan = ++scans;
  const account: Account = {
    pieces: 0,
    free: [],
    onFree: [],
    onDigest: [],
  };
  thread.accounts.set(scan, account);

  function tell(message: ToHasher, memory?: Uint8Array<ArrayBuffer>): void {
    if (thread.failure) throw thread.failure;
    thread.worker.postMessage(message, memory ? [memory.buffer] : []);
  }
  function ask(kind: "part" | "end"): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      tell({ scan, kind });
      account.onDigest.push({ resolve, reject });
    });
  }
  tell({ scan, kind: "begin", parts: what.parts, hasWhole: what.hasWhole });
  return {
    async update(bytes) {
      for (let at = 0; at < bytes.length; at += SLOT_SIZE) {
        const piece = bytes.subarray(at, at + SLOT_SIZE);
        const memory = account.free.pop() ?? another(account) ?? (await freed(thread, account));
        memory.set(piece);
        tell({ scan, kind: "bytes", memory, size: piece.length }, memory);
      }
    },
    endPart: () => ask("part"),
    end: () => ask("end"),
    close() {
      thread.accounts.delete(scan);
      spare.push(...account.free.splice(0, PIECES - spare.length));
      if (!thread.failure) tell({ scan, kind: "close" });
    },
  };
}

function another(account: Account): Uint8Array<ArrayBuffer> | undefined {
  if (account.pieces === PIECES) return undefined;
  account.pieces++;
  return spare.pop() ?? new Uint8Array(SLOT_SIZE);
}

function freed(thread: Thread, { onFree }: Account): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((resolve, reject) => {
    if (thread.failure) reject(thread.failure);
    else onFree.push({ resolve, reject });
  });
}
