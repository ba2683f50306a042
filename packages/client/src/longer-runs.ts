// How long a request's body may be where somebody on the way has refused a longer one, and whether that still holds.
import { type Line, longestNow } from "./line.ts";

/** Somebody on the way takes no larger requests: one part a run from now on. */
export function shortest(line: Line): Line {
  const bounds = { ...line.bounds, runPartsMax: 1 };
  const bodyMax = bounds.partSize;
  return { ...line, runParts: 1, bounds, bodyMax, triesUpTo: undefined, wasRefused: true };
}

/** As `shortest`, where nobody has said so: once a part is through, longer bodies are tried again, one after the other, up to what they were. */
export function shortestByGuess(line: Line): Line {
  return { ...shortest(line), triesUpTo: longestNow(line) };
}

/** Parts of a run that tries whether a longer body is taken by now, or undefined where nothing is to be tried. */
export function tryParts({ bounds, triesUpTo }: Line): number | undefined {
  return triesUpTo && Math.min(2 * bounds.runPartsMax, triesUpTo);
}

/** Whether runs are as long as they may be: where the line's pace asks for shorter ones, a longer one would only take too long. */
export function wantsLonger({ bounds, runParts }: Line): boolean {
  return runParts >= bounds.runPartsMax;
}

/** Whether a run of so many parts is such a try. */
export function isTry({ bounds, triesUpTo }: Line, parts: number): boolean {
  return triesUpTo !== undefined && parts > bounds.runPartsMax;
}

/** A run of so many parts came through: where they are more than were allowed, from now on they are. What is as long as any may be is no limit any more. */
export function longerPassed(line: Line, parts: number): Line {
  const { bounds, triesUpTo } = line;
  if (triesUpTo === undefined || !isTry(line, parts)) return line;
  const next = { ...line, bounds: { ...bounds, runPartsMax: parts } };
  return parts < triesUpTo
    ? { ...next, bodyMax: parts * bounds.partSize }
    : { ...next, bodyMax: undefined, triesUpTo: undefined };
}

/** A try failed, whatever it met: everything stays as it was. */
export function longerFailed(line: Line, wasRefused: boolean): Line {
  return { ...line, triesUpTo: undefined, wasRefused: line.wasRefused || wasRefused };
}
