// Which uploads of a page are under way: so many at once to each server. Of thousands that are chosen together, the others wait: browsers fail requests of their own
// where a few thousand are asked for at once, and servers let nobody begin any number of uploads.

/** As many have something to send while others wait for an answer; what they may hold, they share anyway. */
const AT_ONCE = 64;

export interface Turn {
  /** Resolves when it is this one's turn, or when it has left the line. */
  readonly come: Promise<void>;
  /** Lets the next one begin, if this one's turn has come. */
  pass(): void;
  /** The same, and leaves the line where it has not. May be repeated. */
  leave(): void;
}

interface Line {
  taken: number;
  /** In the order in which they came. */
  readonly waiting: Set<() => void>;
}

/** The returned function puts one more upload into the line of its server. */
export function createTurns(atOnce: number = AT_ONCE): (to: string) => Turn {
  const lines = new Map<string, Line>();
  return (to) => {
    const line = lines.get(to) ?? { taken: 0, waiting: new Set() };
    lines.set(to, line);
    const { promise: come, resolve } = Promise.withResolvers<void>();
    let place: "waiting" | "taken" | "left" = "waiting";

    function begin(): void {
      place = "taken";
      line.taken++;
      resolve();
    }

    function callNext(): void {
      for (const next of line.waiting) {
        if (line.taken >= atOnce) return;
        line.waiting.delete(next);
        next();
      }
    }

    function pass(): void {
      if (place !== "taken") return;
      place = "left";
      line.taken--;
      callNext();
    }

    line.waiting.add(begin);
    callNext();
    return {
      come,
      pass,
      leave() {
        pass();
        place = "left";
        line.waiting.delete(begin);
        resolve();
      },
    };
  };
}
