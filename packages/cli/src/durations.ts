// Durations as people write and read them: 90s, 15m, 1h30m.
import { HoldfastError } from "@holdfast/protocol";

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const DURATION = /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d))+$/;
const ONE = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/**
 * Milliseconds of a duration such as `90s`, `15m` or `1h30m`; a bare number counts seconds.
 *
 * @throws HoldfastError `usage`
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim().toLowerCase();
  const spelled = /^\d{1,9}$/.test(trimmed) ? `${trimmed}s` : trimmed;
  if (!DURATION.test(spelled)) {
    throw new HoldfastError(
      "usage",
      `"${text}" is not a duration; write for example 90s, 15m or 1h30m`,
    );
  }
  let sumMs = 0;
  for (const [, count, unit] of spelled.matchAll(ONE)) {
    sumMs += Number(count) * (UNITS_MS.get(unit ?? "") ?? 0);
  }
  return Math.round(sumMs);
}

/** `8 s`, `1 min 05 s`, `2 h 03 min`, `3 d 04 h`: two units at most, for a person. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${padded(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${padded(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${padded(hours % 24)} h`;
}

/** The same, with tenths of a second where they say something. */
export function formatElapsed(ms: number): string {
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms);
}

function padded(count: number): string {
  return String(count).padStart(2, "0");
}
