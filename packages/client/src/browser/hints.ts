// What hints at the server being within reach again: the browser's word on the network, and clocks that show that the machine has slept. Each may be wrong.
import type { Clock } from "../ports.ts";

/** The clocks are compared this often, in milliseconds. */
const LOOK_MS = 5_000;
/** By so much more than was waited must the date have gone on for the machine to have slept, in milliseconds. */
const SLEPT_MS = 15_000;

/** Where events of the network come from: the global scope of a page or a worker. */
export interface HintPlace {
  readonly network: EventTarget;
  /** Tells when the line is another one; undefined where the browser does not. */
  readonly line: EventTarget | undefined;
  readonly clock: Pick<Clock, "now" | "after">;
}

/** Calls `onHint` on each of them until the returned function is called. */
export function watchHints({ network, line, clock }: HintPlace, onHint: () => void): () => void {
  let callOff: () => void = () => undefined;
  function look(before: number): void {
    const now = clock.now();
    if (now - before > LOOK_MS + SLEPT_MS) onHint();
    callOff = clock.after(LOOK_MS, () => look(now));
  }
  look(clock.now());
  network.addEventListener("online", onHint);
  line?.addEventListener("change", onHint);
  return () => {
    callOff();
    network.removeEventListener("online", onHint);
    line?.removeEventListener("change", onHint);
  };
}
