// A line to a store or a server on which the first requests of a kind wait until the test lets them go: who sends them is where the test wants it, however fast the machine is.
import { passOn, type Relay, startRelay } from "@holdfast/testkit/relay";
import type { Kind } from "./gate.ts";

export interface Hold extends Relay {
  /** How many have come so far, and wait. */
  waiting(): number;
  /** They go on, in the order in which they came. */
  release(): void;
}

export async function holdFirst(target: string, count: number, isOfKind: Kind): Promise<Hold> {
  let come = 0;
  let waiting: (() => void)[] = [];
  const relay = await startRelay((request, response) => {
    const go = () => passOn(target, request, response);
    if (!isOfKind(request) || come++ >= count) return go();
    waiting.push(go);
  });
  return {
    ...relay,
    waiting: () => waiting.length,
    release() {
      const held = waiting;
      waiting = [];
      for (const go of held) go();
    },
  };
}
