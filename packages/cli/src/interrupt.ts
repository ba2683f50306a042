// Being told to stop: once means in order, twice means now.

import { constants } from "node:os";

/** Signals that ask a program to end. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type StopSignal = (typeof SIGNALS)[number];

/** One Ctrl-C may come two or three times: from the terminal, from the launcher and from npm, all in one go. */
const SAME_MS = 300;

/**
 * Calls `stop` at the first signal; the second one ends the process at once. The returned function takes the listeners off.
 *
 * To end at once is safe: what was acknowledged is flushed, and a checkpoint is written before it is relied upon.
 */
export function onStopSignal(stop: (signal: StopSignal) => void): () => void {
  let stoppedAt: number | undefined;
  const listen = (signal: StopSignal): void => {
    if (stoppedAt === undefined) {
      stoppedAt = performance.now();
      stop(signal);
    } else if (performance.now() - stoppedAt > SAME_MS) {
      process.exit(128 + constants.signals[signal]);
    }
  };
  for (const signal of SIGNALS) process.on(signal, listen);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listen);
  };
}
