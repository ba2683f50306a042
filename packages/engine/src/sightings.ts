// What a process remembers of objects that nobody wants, from one look to the next: so many at most, and every one of them has its turn.

/** As many are remembered of each kind: some 10 MB. */
const SEEN_MAX = 50_000;

export interface Sightings {
  /** A pass begins. Where there are more than can be remembered, others have their turn if those that have had it could ripen. */
  begin(now: number, ripeMs: number): void;
  /** Milliseconds since an object was first seen; undefined where that is now, or not remembered. */
  sinceOf(name: string, now: number): number | undefined;
  /** Remembers it, unless it is the turn of others. */
  isNoted(name: string, now: number): boolean;
  forget(name: string): void;
  /** A pass that began at `since` is through: what it has not met is gone. */
  end(since: number): void;
  /** Whether not all of them could have their turn at once. */
  isCrowded(): boolean;
}

interface Sighting {
  readonly at: number;
  readonly metAt: number;
}

/**
 * Objects are told apart by a hash of their names into slices, one of which has its turn: it is remembered until the next pass but one has begun. There is one
 * slice until there are too many objects for it, and then twice as many, and so on.
 *
 * Times are by a clock that never goes back.
 */
export function createSightings(max: number = SEEN_MAX): Sightings {
  const seen = new Map<string, Sighting>();
  let slices = 1;
  let turn = 0;
  let turnedAt: number | undefined;

  const isOf = (name: string, one: number) => hash(name) % slices === one;

  function keepOnly(one: number): void {
    for (const name of seen.keys()) if (!isOf(name, one)) seen.delete(name);
  }

  return {
    begin(now, ripeMs) {
      turnedAt ??= now;
      if (slices === 1 || now - turnedAt < ripeMs) return;
      // Those that had their turn are met in this pass, and are ripe.
      keepOnly(turn);
      turn = (turn + 1) % slices;
      turnedAt = now;
    },
    sinceOf(name, now) {
      const known = seen.get(name);
      if (!known) return undefined;
      seen.set(name, { ...known, metAt: now });
      return now - known.at;
    },
    isNoted(name, now) {
      if (!isOf(name, turn)) return false;
      seen.set(name, { at: now, metAt: now });
      while (seen.size > max) {
        slices *= 2;
        keepOnly(turn);
      }
      return seen.has(name);
    },
    forget: (name) => void seen.delete(name),
    end(since) {
      for (const [name, { metAt }] of seen) if (metAt < since) seen.delete(name);
      // So few that twice as many slices are not soon wanted again.
      if (slices === 1 || seen.size > max / 8) return;
      slices /= 2;
      turn %= slices;
    },
    isCrowded: () => slices > 1,
  };
}

/** FNV-1a: the same names always fall into the same slice, and into halves of it as slices double. */
function hash(name: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) {
    value = Math.imul(value ^ name.charCodeAt(at), 0x01000193);
  }
  // Its lowest bits are those of the last characters alone.
  return (value ^ (value >>> 15)) >>> 0;
}
