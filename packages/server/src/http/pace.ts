// The least pace of a body: one that comes slower has stopped, whatever its connection says.
import type { Clock } from "@holdfast/engine";

/** How slow a body may come: fewer bytes than this over the window and it has stopped. */
export interface PaceRule {
  readonly bytesPerSecondMin: number;
  readonly windowMs: number;
}

export const PACE: PaceRule = { bytesPerSecondMin: 256, windowMs: 30_000 };

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
