// The claim on a transfer among the pages of an origin: a Web Lock, which the browser ends with the page that has it, however that ends.
import { HoldfastError } from "@holdfast/protocol";
import type { CheckpointStore } from "../ports.ts";

export type Claims = Pick<CheckpointStore, "claim" | "holder">;

/** Of locks that this page has let go of and the browser still has: whoever comes next waits for these. */
const ending = new Map<string, Promise<unknown>>();
/** What this page is at. Where there are no locks, as on plain HTTP, nobody else can be kept out: what two pages send twice, the server takes once. */
const own = new Set<string>();

/** `locks` is undefined where the browser has none for this page. */
export function createClaims(locks: LockManager | undefined): Claims {
  return {
    async claim(key) {
      const name = nameOf(key);
      await freed(name);
      if (own.has(name)) throw busy("this page");
      own.add(name);
      try {
        const release = await lock(locks, name);
        if (!release) throw busy("another tab");
        return () => {
          own.delete(name);
          release();
        };
      } catch (error) {
        own.delete(name);
        throw error;
      }
    },
    async holder(key) {
      const name = nameOf(key);
      await freed(name);
      if (own.has(name)) return { pid: undefined };
      const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
      return held.some((one) => one.name === name) ? { pid: undefined } : undefined;
    },
  };
}

/** Resolves when the browser has taken back whatever this page has let go of. */
async function freed(name: string): Promise<void> {
  for (let end = ending.get(name); end; end = ending.get(name)) await end;
}

/** Locks of a page's other programs have other names. */
function nameOf(key: string): string {
  return `holdfast ${key}`;
}

function busy(who: string): HoldfastError {
  return new HoldfastError("transfer_busy", `${who} is at this transfer already`);
}

/** Resolves with what lets go of the lock, or with undefined where another page has it. */
async function lock(
  locks: LockManager | undefined,
  name: string,
): Promise<(() => void) | undefined> {
  if (!locks) return () => undefined;
  const { promise: kept, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: isGranted, resolve: answer } = Promise.withResolvers<boolean>();
  const ended = locks
    .request(name, { ifAvailable: true }, (granted) => {
      answer(granted !== null);
      return granted ? kept : undefined;
    })
    // A page that may store nothing may not lock anything either.
    .catch(() => answer(true));
  if (!(await isGranted)) return undefined;
  return () => {
    letGo();
    const end = ended.finally(() => ending.delete(name));
    ending.set(name, end);
  };
}
