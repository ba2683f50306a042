// Requests under way of each principal: one that sends without end is told so before it is everybody's trouble.
import type { Principal } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";

/** Requests that one principal may have under way by default: more than any client needs, less than all connections. */
export const REQUESTS_MAX = 2_000;

/**
 * What a request brings: the bytes of parts or files, which count against the principal's own limit too; a few words; or a link that somebody was given, whose
 * requests are counted by themselves, so that whoever reads by links never keeps the one that gave them from working.
 */
export type Brings = "bytes" | "words" | "link";

export interface InFlight {
  /**
   * Counts one more request of this principal; the returned function takes it out again.
   * @throws HoldfastError `too_many_requests`
   */
  enter(principal: Principal, brings: Brings): () => void;
  /** Counts on for a reply that takes its time, such as a download or events: what was let in once is not refused any more. */
  stay(principal: Principal, brings: Brings): () => void;
}

export function createInFlight(max: number = REQUESTS_MAX): InFlight {
  const counts = new Map<string, number>();

  function count(key: string, limit: number): () => void {
    const before = counts.get(key) ?? 0;
    if (before >= limit) {
      throw new HoldfastError("too_many_requests", undefined, { limit, retryAfter: 1 });
    }
    counts.set(key, before + 1);
    return () => {
      const left = (counts.get(key) ?? 0) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
    };
  }

  return {
    enter({ tenant, id, limits }, brings) {
      const all = keyOf({ tenant, id }, brings);
      const leave = count(all, max);
      if (brings !== "bytes") return leave;
      try {
        const leaveBytes = count(`bytes of ${all}`, limits?.partsInFlightMax ?? max);
        return () => {
          leaveBytes();
          leave();
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
    stay: (principal, brings) => count(keyOf(principal, brings), Number.POSITIVE_INFINITY),
  };
}

function keyOf({ tenant, id }: Pick<Principal, "tenant" | "id">, brings: Brings): string {
  const key = JSON.stringify([tenant, id]);
  return brings === "link" ? `links of ${key}` : key;
}
