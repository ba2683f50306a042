// The least pace of a body and of a reader: one that is slower has stopped, whatever its connection says.
import type { Clock } from "@holdfast/engine";

/** How slow something may be: fewer bytes than this over the window and it has stopped. */
export interface PaceRule {
  readonly bytesPerSecondMin: number;
  readonly windowMs: number;
}

export const PACE: PaceRule = { bytesPerSecondMin: 256, windowMs: 30_000 };

/**
 * How slow whoever reads a reply may be. The window is long because of the kernels between: they take more only when a good part of their memory is free, a third of
 * up to 4 MiB here, so that behind a reader of 1 KiB/s nothing moves for a quarter of an hour, then a megabyte at once.
 */
export const READ_PACE: PaceRule = { bytesPerSecondMin: 256, windowMs: 1_800_000 };

/** Milliseconds that a reader may take for a piece of this size: a window for what its connection holds back, and the time of its bytes at the least pace. */
export function pieceMs({ bytesPerSecondMin, windowMs }: PaceRule, size: number): number {
  return windowMs + Math.ceil((size * 1000) / bytesPerSecondMin);
}

/** Looks at the pace this many times a window. */
const LOOKS = 6;

export interface Watched {
  readonly clock: Clock;
  readonly pace: PaceRule;
  /** Bytes that have come. */
  readonly received: () => number;
  /** Whether somebody waits for bytes. Time in which nobody did (the disk was slow, not the sender) never counts against a body. */
  readonly isWaiting: () => boolean;
  readonly onStalled: () => void;
}

/** The one timer of a body; the returned function ends it. */
export function watchPace(body: Watched): () => void {
  const { clock, pace } = body;
  let looks = [body.received()];
  let callOff = clock.after(pace.windowMs / LOOKS, look);

  function look(): void {
    if (body.isWaiting()) looks.push(body.received());
    else looks = [];
    const before = looks.length > LOOKS ? looks.shift() : undefined;
    const least = (pace.bytesPerSecondMin * pace.windowMs) / 1000;
    if (before !== undefined && body.received() - before < least) body.onStalled();
    else callOff = clock.after(pace.windowMs / LOOKS, look);
  }
  return () => callOff();
}
