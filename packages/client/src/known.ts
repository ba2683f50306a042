// What this device remembers of the line to a server: a hint for the next transfer, which that corrects; and what follows from it for the grid.
import { KIB, MIB } from "@holdfast/protocol";
import { type Known, RUN_SIZE } from "./line.ts";
import { parseJson } from "./parse-json.ts";

const VERSION = 1;
/** Lines change; what was learned longer ago than this, in milliseconds, is not believed any more. */
const KEPT_MS: number = 14 * 24 * 60 * 60 * 1000;
/** Clocks may differ by this much, in milliseconds: what is later than that comes from one that was wrong. */
const SKEW_MS = 60_000;
/** What somebody on the way refused may have been put right: one longer body is tried after this long, in milliseconds. */
export const TRY_LONGER_MS: number = 24 * 60 * 60 * 1000;

/** A cut costs half a part on average: more than this share of what a connection carries is too much. */
const LOSS_MAX = 0.03;
/** Nothing being known of cuts, a connection is expected to live for so many seconds. */
const LIFE_S = 60;
/** The smallest part there may be, and the server's choice for all but very large files. */
const PART_SIZE_MIN: number = 256 * KIB;
const PART_SIZE_USUAL: number = MIB;
/** Small parts are not worth a longer list than this. */
const PARTS_MAX = 50_000;
/** Nor are these, where the line may be a good one. */
const SMALL_PARTS_MAX = 2_048;

/** What a cut is expected to cost with parts of that size, as a share of what a connection carries before it. */
export function expectedLoss({ rate, cutEvery = rate * LIFE_S }: Known, partSize: number): number {
  return partSize / 2 / cutEvery;
}

/** Whether parts of that size are too large for the line. */
export function isTooCoarse(known: Known, partSize: number): boolean {
  return expectedLoss(known, partSize) > LOSS_MAX;
}

/** The size of parts to ask for where a cut costs a whole run of them and nothing is known of the line, in bytes; undefined leaves it to the server. */
export function smallPartSize(size: number): number | undefined {
  return [PART_SIZE_MIN, 2 * PART_SIZE_MIN].find((partSize) => size / partSize <= SMALL_PARTS_MAX);
}

/** The size of parts to ask for, in bytes; undefined leaves it to the server. */
export function partSizeFor(known: Known | undefined, size: number): number | undefined {
  if (!known) return undefined;
  const isLimited = known.bodyMax !== undefined && known.bodyMax < PART_SIZE_USUAL;
  if (!isLimited && !isTooCoarse(known, PART_SIZE_USUAL)) return undefined;
  let partSize = PART_SIZE_MIN;
  while (size / partSize > PARTS_MAX) partSize *= 2;
  return partSize;
}

export function encodeKnown({ mayTryLonger: _, ...known }: Known, now: number): string {
  const { bodyMax, bodyRefusedAt = now } = known;
  const refused = bodyMax === undefined ? {} : { bodyRefusedAt };
  return JSON.stringify({ version: VERSION, at: now, ...known, ...refused });
}

/** Undefined where it is old, from the future or malformed. Whatever stands there is brought within what can be. */
export function decodeKnown(text: string, now: number): Known | undefined {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const positive = (name: string, most: number) => {
    const field = fields.get(name);
    return typeof field === "number" && field > 0 ? Math.min(field, most) : undefined;
  };
  const at = positive("at", Infinity);
  if (fields.get("version") !== VERSION || at === undefined) return undefined;
  if (at > now + SKEW_MS || at < now - KEPT_MS) return undefined;
  const [inFlight, rate] = [positive("inFlight", 1_000), positive("rate", 1e12)];
  if (inFlight === undefined || rate === undefined) return undefined;
  const cutEvery = positive("cutEvery", 1e15);
  const bodyMax = positive("bodyMax", RUN_SIZE);
  const bodyRefusedAt = Math.min(positive("bodyRefusedAt", Infinity) ?? at, now);
  return {
    inFlight: Math.ceil(inFlight),
    rate,
    ...(cutEvery === undefined ? {} : { cutEvery }),
    ...(bodyMax === undefined ? {} : limitOf(bodyMax, bodyRefusedAt, now)),
  };
}

/** Each transfer renews what is remembered; a limit is only as old as the refusal that it comes from. */
function limitOf(bodyMax: number, bodyRefusedAt: number, now: number): Partial<Known> {
  const age = now - bodyRefusedAt;
  if (age > KEPT_MS) return {};
  return { bodyMax, bodyRefusedAt, ...(age >= TRY_LONGER_MS ? { mayTryLonger: true } : {}) };
}
