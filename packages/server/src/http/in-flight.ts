// Requests under way of each principal: one that sends without end is told so before it is everybody's trouble.
import type { Principal } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";

/** Requests that one principal may have under way by default: more than any client needs, less than all connections. */
export const REQUESTS_MAX = 2_000;

export interface InFlight {
  /**
   * Counts one more request of this principal; the returned function takes it out again.
   * @throws HoldfastError `too_many_requests`
   */
  enter(principal: Principal): () => void;
}

export function createInFlight(max: number = REQUESTS_MAX): InFlight {
  const counts = new Map<string, number>();
  return {
    enter({ tenant, id }) {
      const key = JSON.stringify([tenant, id]);
      const count = counts.get(key) ?? 0;
      if (count >= max) {
        throw new HoldfastError("too_many_requests", undefined, { limit: max, retryAfter: 1 });
      }
      counts.set(key, count + 1);
      return () => {
        const left = (counts.get(key) ?? 0) - 1;
        if (left > 0) counts.set(key, left);
        else counts.delete(key);
      };
    },
  };
}
