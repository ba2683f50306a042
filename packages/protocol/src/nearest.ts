// The name that somebody probably meant.

/** Insertions, deletions, replacements and swaps of neighbours between two texts. */
export function distanceOf(a: string, b: string): number {
  let older: number[] = [];
  let old = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const least = Math.min(
        (old[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (old[j - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(isSwap ? Math.min(least, (older[j - 2] ?? 0) + 1) : least);
    }
    older = old;
    old = row;
  }
  return old[b.length] ?? 0;
}

/** The nearest of `names`, or undefined where none is near: less than half of it may differ. */
export function nearestOf(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll("_", "-");
  const [nearest] = names
    .map((known) => ({ known, distance: distanceOf(plain(name), plain(known)) }))
    .filter(({ known, distance }) => distance <= Math.max(1, Math.floor(known.length * 0.4)))
    .sort((a, b) => a.distance - b.distance);
  return nearest?.known;
}
