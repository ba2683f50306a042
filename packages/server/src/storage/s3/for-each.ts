// Many calls, a few at a time.

/** Calls that are under way at once. */
const AT_ONCE = 8;

/** Resolves when all are through. After a failure none is begun, and those under way are waited for. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  let failure: { readonly cause: unknown } | undefined;
  async function run(): Promise<void> {
    for (const item of left) {
      if (failure) return;
      try {
        await work(item);
      } catch (cause) {
        failure ??= { cause };
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run));
  if (failure) throw failure.cause;
}
