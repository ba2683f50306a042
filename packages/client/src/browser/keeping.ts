// Whole files that pages of this site still have: who else downloads the same neither changes nor removes them, since a person may be saving one right now.

export interface Keeping {
  /** This page has it from now on, once more each time, until it lets go or is gone. Resolves when all pages know. */
  keep(name: string): Promise<void>;
  /** Once less; nothing where it never had it. */
  letGo(name: string): Promise<void>;
  /** Whether some page has it. */
  isKept(name: string): Promise<boolean>;
}

/** `locks` is undefined where the browser has none for this page, which has no files then either. */
export function createKeeping(locks: LockManager | undefined): Keeping {
  const here = new Map<string, (() => Promise<void>)[]>();
  const lockOf = (name: string) => `holdfast.kept ${name}`;
  return {
    async keep(name) {
      const { promise: kept, resolve: end } = Promise.withResolvers<void>();
      const { promise: isKnown, resolve: answer } = Promise.withResolvers<void>();
      const ended = Promise.resolve(
        locks?.request(lockOf(name), { mode: "shared" }, () => {
          answer();
          return kept;
        }),
      )
        // Refused, it is kept for as long as nobody else is at it.
        .catch(() => undefined)
        .finally(answer);
      const letGo = async () => {
        end();
        await ended;
      };
      // Before all pages know: who lets go meanwhile means this one.
      here.set(name, [...(here.get(name) ?? []), letGo]);
      await isKnown;
    },
    async letGo(name) {
      const [one, ...others] = here.get(name) ?? [];
      if (others.length > 0) here.set(name, others);
      else here.delete(name);
      await one?.();
    },
    async isKept(name) {
      const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
      return held.some((one) => one.name === lockOf(name));
    },
  };
}
