// Being told to stop: once means in order, twice means now.
import { constants } from "node:os";
import { isatty } from "node:tty";

/** Signals that ask a program to end. */
export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/**
 * Without a terminal, SIGHUP is none of them: `nohup` has it ignored, but Node forgets that when it starts, so it is seen by what nohup redirects.
 */
export function stopSignals(isTerminal: (fd: number) => boolean): readonly StopSignal[] {
  return [0, 1, 2].some(isTerminal) ? ["SIGINT", "SIGTERM", "SIGHUP"] : ["SIGINT", "SIGTERM"];
}

/** From here on, SIGHUP ends nothing where there is no terminal. */
export function outliveTerminal(): void {
  if (!stopSignals(isatty).includes("SIGHUP")) process.on("SIGHUP", () => undefined);
}

/** Calls `task` at each SIGHUP of a service, where it means "read your files again"; on a terminal it ends the program. */
export function onHangUp(task: () => void): () => void {
  if (stopSignals(isatty).includes("SIGHUP")) return () => undefined;
  process.on("SIGHUP", task);
  return () => process.off("SIGHUP", task);
}

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
  const signals = stopSignals(isatty);
  for (const signal of signals) process.on(signal, listen);
  return () => {
    for (const signal of signals) process.off(signal, listen);
  };
}
