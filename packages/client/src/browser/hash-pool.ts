// Workers that digest parts by WebAssembly: as many for all transfers of a page as the machine has room for, started when they are first needed.
import { type Algorithm, HoldfastError, KIB } from "@holdfast/protocol";
import type { FromHasher, ToHasher } from "./hash-messages.ts";
import { decodeError } from "./messages.ts";

/** What is copied at once to where it is digested, in bytes. */
const PIECE: number = 512 * KIB;
const WORKERS_MAX = 4;

export interface HashPool {
  /** The bytes stay as they are until it resolves. */
  digest(bytes: Uint8Array, algorithm: Algorithm): Promise<Uint8Array>;
}

export interface Machine {
  readonly hardwareConcurrency?: number | undefined;
  /** GiB, rounded, as browsers say it; 8 at most. */
  readonly deviceMemory?: number | undefined;
}

/** One core is left to everything else; with little memory, a worker's own counts. */
export function workersFor({ hardwareConcurrency = 2, deviceMemory = 8 }: Machine): number {
  const byMemory = Math.max(1, Math.floor(deviceMemory / 2));
  return Math.max(1, Math.min(WORKERS_MAX, byMemory, hardwareConcurrency - 1));
}

/** A worker and the memory that goes to and fro. */
interface Lane {
  readonly port: MessagePort;
  piece: Uint8Array<ArrayBuffer>;
}

export function createHashPool(workers: number, startWorker: () => Worker): HashPool {
  const free: Lane[] = [];
  const waiting: ((lane: Lane) => void)[] = [];
  /** What ends each of those that wait, should a worker break. */
  const breaks = new Set<(error: HoldfastError) => void>();
  let started = 0;
  let broken: HoldfastError | undefined;

  function start(): Lane {
    started++;
    const { port1, port2 } = new MessageChannel();
    const worker = startWorker();
    worker.onerror = ({ message }) => {
      broken = new HoldfastError("internal", `the worker that digests has ended: ${message}`);
      for (const end of breaks) end(broken);
    };
    worker.postMessage(undefined, [port2]);
    return { port: port1, piece: new Uint8Array(PIECE) };
  }

  /** Nothing of it is kept once it has ended: there are as many of these as parts. */
  async function unlessBroken<T>(work: Promise<T>): Promise<T> {
    if (broken) throw broken;
    const { promise: breaking, reject } = Promise.withResolvers<never>();
    breaks.add(reject);
    try {
      return await Promise.race([work, breaking]);
    } finally {
      breaks.delete(reject);
    }
  }

  async function take(): Promise<Lane> {
    const lane = free.pop();
    if (lane) return lane;
    return started < workers ? start() : new Promise((resolve) => waiting.push(resolve));
  }

  function give(lane: Lane): void {
    const next = waiting.shift();
    if (next) next(lane);
    else free.push(lane);
  }

  async function digestIn(lane: Lane, bytes: Uint8Array, algorithm: Algorithm) {
    for (let at = 0; ; at += PIECE) {
      const slice = bytes.subarray(at, at + PIECE);
      const piece = new Uint8Array(lane.piece.buffer, 0, slice.length);
      piece.set(slice);
      const isLast = at + PIECE >= bytes.length;
      const answer = await exchange(lane.port, { algorithm, piece, isFirst: at === 0, isLast });
      lane.piece = answer.piece;
      if (answer.error) throw decodeError(answer.error);
      if (answer.digest) return answer.digest;
    }
  }

  return {
    async digest(bytes, algorithm) {
      if (broken) throw broken;
      const lane = await unlessBroken(take());
      try {
        return await unlessBroken(digestIn(lane, bytes, algorithm));
      } finally {
        if (!broken) give(lane);
      }
    },
  };
}

function exchange(port: MessagePort, message: ToHasher): Promise<FromHasher> {
  return new Promise((resolve) => {
    port.onmessage = ({ data }: MessageEvent<FromHasher>) => resolve(data);
    port.postMessage(message, [message.piece.buffer]);
  });
}
