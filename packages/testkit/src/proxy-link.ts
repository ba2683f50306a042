// One direction of a line that all connections share: slice by slice, connections in turn, not faster than the line, and out again after its latency.
import type { Socket } from "node:net";

export interface Line {
  /** One way, in milliseconds. */
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
}

export const PERFECT: Line = { latencyMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

export interface Link {
  /** What one connection sends in this direction. */
  lane(from: Socket, to: Socket, heard: LaneEvents): Lane;
  /** Nothing is carried any more. */
  close(): void;
}

export interface LaneEvents {
  /** The line takes so many bytes. */
  readonly onCarried: (bytes: number) => void;
  /** Bytes have come out where nobody is any more. */
  readonly onLost: () => void;
}

export interface Lane {
  send(bytes: Uint8Array): void;
  /** Ends the far side once everything has come out. */
  finish(): void;
  /** Nothing comes out any more and nothing is read: what a line does when somebody pulls the plug. */
  stop(): void;
}

/** A connection has this much of the line's time waiting, as in the queue of a modem, before its sender is told to wait. */
const QUEUE_MS = 50;
/** The line takes one connection's bytes for this long, then the next one's. */
const SLICE_MS = 5;

type Slice = Uint8Array | undefined;

interface Queue {
  readonly slices: Slice[];
  /** Bytes of the slices. */
  waiting: number;
  carry(slice: Slice): void;
  deliver(slice: Slice): void;
}

export function createLink(line: Line): Link {
  return line.latencyMs === 0 && line.bytesPerSecond === Number.POSITIVE_INFINITY
    ? { lane: perfectLane, close: () => undefined }
    : slowLink(line);
}

function perfectLane(from: Socket, to: Socket, { onCarried, onLost }: LaneEvents): Lane {
  const goOn = (): unknown => from.resume();
  to.on("drain", goOn);
  return {
    send(bytes) {
      if (!to.destroyed && !to.write(bytes)) from.pause();
      onCarried(bytes.length);
      if (to.destroyed) onLost();
    },
    finish: () => void to.end(),
    stop() {
      to.off("drain", goOn);
      from.pause();
    },
  };
}

function slowLink({ latencyMs, bytesPerSecond }: Line): Link {
  const sliceSize = Math.max(256, Math.floor((bytesPerSecond * SLICE_MS) / 1000));
  const queueSize = (bytesPerSecond * QUEUE_MS) / 1000;
  /** Queues with something to carry, in turn; what was carried, in the order in which it comes out. */
  const ready: Queue[] = [];
  const onTheWay: { readonly dueAt: number; readonly queue: Queue; readonly slice: Slice }[] = [];
  let freeAt = 0;
  let timer: NodeJS.Timeout | undefined;

  /** A timer that fires late is caught up with: over a while the line is as fast as it says, and never faster. */
  function pump(): void {
    timer = undefined;
    const now = performance.now();
    for (let next = onTheWay[0]; next && next.dueAt <= now; next = onTheWay[0]) {
      onTheWay.shift();
      next.queue.deliver(next.slice);
    }
    for (let queue = ready[0]; queue && freeAt <= now; queue = ready[0]) carry(queue);
    const nextAt = Math.min(
      onTheWay[0]?.dueAt ?? Number.POSITIVE_INFINITY,
      ready.length > 0 ? freeAt : Number.POSITIVE_INFINITY,
    );
    if (nextAt < Number.POSITIVE_INFINITY) timer ??= setTimeout(pump, Math.max(1, nextAt - now));
  }

  function carry(queue: Queue): void {
    ready.shift();
    const slice = queue.slices.shift();
    freeAt += ((slice?.length ?? 0) * 1000) / bytesPerSecond;
    queue.waiting -= slice?.length ?? 0;
    onTheWay.push({ dueAt: freeAt + latencyMs, queue, slice });
    if (queue.slices.length > 0) ready.push(queue);
    queue.carry(slice);
  }

  function enqueue(queue: Queue, slice: Slice): void {
    if (ready.length === 0) freeAt = Math.max(freeAt, performance.now());
    if (queue.slices.length === 0) ready.push(queue);
    queue.slices.push(slice);
    queue.waiting += slice?.length ?? 0;
    timer ??= setTimeout(pump, 1);
  }

  return {
    lane(from, to, { onCarried, onLost }) {
      let isStopped = false;
      const pace = (): void => {
        if (isStopped) return;
        if (queue.waiting > queueSize || to.writableNeedDrain) from.pause();
        else from.resume();
      };
      const queue: Queue = {
        slices: [],
        waiting: 0,
        carry(slice) {
          if (slice) onCarried(slice.length);
          pace();
        },
        deliver(slice) {
          if (isStopped) return;
          if (to.destroyed) return slice && onLost();
          if (slice) to.write(slice);
          else to.end();
          pace();
        },
      };
      to.on("drain", pace);
      return {
        send(bytes) {
          for (let at = 0; at < bytes.length; at += sliceSize)
            enqueue(queue, bytes.subarray(at, at + sliceSize));
          pace();
        },
        finish: () => enqueue(queue, undefined),
        stop() {
          isStopped = true;
          queue.slices.length = 0;
          queue.waiting = 0;
          const at = ready.indexOf(queue);
          if (at >= 0) ready.splice(at, 1);
          to.off("drain", pace);
          from.pause();
        },
      };
    },
    close: () => clearTimeout(timer),
  };
}
