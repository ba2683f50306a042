// What may be taken for a copy of a file, so that a repair destroys nothing else.
import { countParts, HoldfastError, type PartSet } from "@holdfast/protocol";
import type { Version } from "./pin.ts";

/**
 * Whoever mistakes one file for another would lose it: to be repaired, something has a part of the file, or no bytes at all, or it is as long as the only part there is.
 *
 * @throws HoldfastError `sink_exists`
 */
export function requireCopy(version: Version, good: PartSet, size: number): void {
  if (size === 0 || countParts(good) > 0) return;
  if (size === version.size && good.partCount === 1) return;
  throw new HoldfastError("sink_exists", "no part of it is one of that file", {
    hint: "Compare path and address. With --force its bytes are replaced by the file's.",
  });
}
