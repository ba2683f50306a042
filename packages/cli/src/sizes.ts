// Sizes and rates as people write and read them: 2M, 500K, 1.5MiB/s.
import { HoldfastError } from "@holdfast/protocol";

// Like curl and rclone: K, M, G count in 1024s. Who wants 1000s writes kB, MB, GB.
const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["b", 1],
  ["k", 2 ** 10],
  ["m", 2 ** 20],
  ["g", 2 ** 30],
  ["t", 2 ** 40],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
]);

const SIZE = /^(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]{0,3})$/i;

/** Slower than this, no part would ever arrive before it counts as stalled. */
const RATE_MIN = 1024;

/**
 * Whole bytes of a size such as `2M`, `500K` or `1.5GiB`.
 *
 * @throws HoldfastError `usage`
 */
export function parseSize(text: string): number {
  const match = SIZE.exec(text.trim());
  const unit = UNITS.get((match?.[2] ?? "").toLowerCase());
  const size = Math.round(Number(match?.[1]) * (unit ?? Number.NaN));
  if (!Number.isSafeInteger(size)) {
    throw new HoldfastError("usage", `"${text}" is not a size; write for example 500K, 2M or 1.5G`);
  }
  return size;
}

/**
 * Bytes a second of a rate such as `2M` or `1.5MiB/s`.
 *
 * @throws HoldfastError `usage`
 */
export function parseRate(text: string): number {
  const rate = parseSize(text.trim().replace(/\/s$/i, ""));
  if (rate < RATE_MIN) {
    throw new HoldfastError("usage", `a rate of ${text} is too low; the lowest is 1K`);
  }
  return rate;
}

const SHOWN_UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** `0 B`, `999 B`, `1.0 KiB`, `12.3 MiB`, `1.00 GiB`: three digits where a larger unit is used. */
export function formatSize(size: number): string {
  if (size < 1024) return `${Math.floor(size)} B`;
  let value = size / 1024;
  let at = 0;
  // 1023.95 and more would be shown as 1024.
  while (value >= 1023.95 && at < SHOWN_UNITS.length - 1) {
    value /= 1024;
    at++;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${SHOWN_UNITS[at]}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(bytesPerSecond)}/s`;
}
