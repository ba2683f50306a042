// Tells a page what other tabs begin: many at once by one look at the list.

/** Lists what can be gone on with; what cannot be listed cannot be watched. */
type List<One> = () => Promise<readonly One[]>;

/** The returned function takes the key of one that has begun. `tell` is not called for what `isKnown`. */
export function createTellOthers<One extends { readonly key: string }>(
  list: List<One>,
  isKnown: (key: string) => boolean,
  tell: (one: One) => void,
): (key: string) => Promise<void> {
  const begun = new Set<string>();
  let isLooking = false;
  return async (key) => {
    begun.add(key);
    if (isLooking) return;
    isLooking = true;
    while (begun.size > 0) {
      const keys = new Set(begun);
      begun.clear();
      const listed = await list().catch(() => []);
      for (const one of listed) if (keys.has(one.key) && !isKnown(one.key)) tell(one);
    }
    isLooking = false;
  };
}
