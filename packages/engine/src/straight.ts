// Bytes that the kernel sends by itself, past us: as many as the connection takes at once.
import { type ByteRange, MIB } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { Outlet, StoredObject } from "./ports.ts";

/** So much goes past us before the next piece: rights that have ended and readers that are gone are found between two pieces. */
const STRAIGHT_MAX: number = 16 * MIB;
/** What is looked for in the page cache at once. Of what grows, all that a crowd is mostly woken for. */
const STRAIGHT_STEP = { sealed: MIB, growing: 2 * MIB } as const;

/** How many bytes went; undefined where the next ones have to be read. */
export async function sendStraight(
  { send }: Pick<Context, "send">,
  object: StoredObject,
  { start, end }: ByteRange,
  outlet: Outlet,
  state: "sealed" | "growing",
): Promise<number | undefined> {
  const until = Math.min(end, start + STRAIGHT_MAX);
  for (let at = start; at < until; ) {
    const size = Math.min(STRAIGHT_STEP[state], until - at);
    const went = await send?.(object, { start: at, end: at + size }, outlet, state);
    if (went === undefined) return at > start ? at - start : undefined;
    at += went;
    if (went < size) return at - start;
  }
  return until - start;
}
