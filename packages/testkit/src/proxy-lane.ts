// One direction of a line with latency and a bandwidth: bytes come out later, in order, not faster than the line.
import type { Socket } from "node:net";

export interface Line {
  /** One way, in milliseconds. */
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
}

/** When the line is free again, in milliseconds by `performance.now`: all connections share it. */
export interface Pace {
  freeAt: number;
}

export interface Lane {
  send(bytes: Uint8Array): void;
  /** Ends the far side once everything has come out. */
  finish(): void;
  /** Nothing comes out any more and nothing is read: what a line does when somebody pulls the plug. */
  stop(): void;
}

/** A line holds this much more than what is on its way, as the queue of a modem does, before the sender is told to wait. */
const QUEUE_MS = 50;

export function createLane(from: Socket, to: Socket, line: Line, pace: Pace): Lane {
  const queue: { readonly dueAt: number; readonly bytes: Uint8Array | undefined }[] = [];
  const isPerfect = line.latencyMs === 0 && line.bytesPerSecond === Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const goOn = (): unknown => from.resume();
  to.on("drain", goOn);

  const deliver = (bytes: Uint8Array | undefined): void => {
    if (to.destroyed) return;
    if (!bytes) to.end();
    else if (!to.write(bytes)) from.pause();
  };
  const deliverDue = (): void => {
    timer = undefined;
    const now = performance.now();
    while (queue[0] && queue[0].dueAt <= now) deliver(queue.shift()?.bytes);
    const next = queue[0];
    // What this connection has on its way counts, not what the others have: else one of them could starve.
    if ((!next || next.dueAt - now < line.latencyMs + QUEUE_MS) && !to.writableNeedDrain)
      from.resume();
    if (next) timer = setTimeout(deliverDue, Math.max(1, next.dueAt - now));
  };
  const enqueue = (bytes: Uint8Array | undefined): void => {
    const now = performance.now();
    const takes = ((bytes?.length ?? 0) * 1000) / line.bytesPerSecond;
    pace.freeAt = Math.max(pace.freeAt, now) + takes;
    const dueAt = pace.freeAt + line.latencyMs;
    queue.push({ dueAt, bytes });
    if (pace.freeAt - now > QUEUE_MS) from.pause();
    timer ??= setTimeout(deliverDue, Math.max(1, dueAt - now));
  };
  return {
    send: (bytes) => (isPerfect ? deliver(bytes) : enqueue(bytes)),
    finish: () => (isPerfect ? deliver(undefined) : enqueue(undefined)),
    stop() {
      clearTimeout(timer);
      queue.length = 0;
      to.off("drain", goOn);
      from.pause();
    },
  };
}
