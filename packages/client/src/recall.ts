// What is kept on this device beside the checkpoints: what a line has taught, for the next transfer to or from the same server, or to the store behind it.
import { checkpointKey } from "./checkpoint.ts";
import type { Emitter } from "./events.ts";
import { decodeKnown, encodeKnown } from "./known.ts";
import type { Known } from "./line.ts";
import type { Ports } from "./ports.ts";

type Place = Pick<Ports, "checkpoints" | "digester" | "clock" | "lines">;
/** `direct`: up, to the store that the server's requests lead to, which is another line than that to the server. */
type Direction = "up" | "down" | "direct";

/** Many small files teach little each: what they teach is kept in memory, and saved this often, in milliseconds. */
const SAVE_EVERY_MS = 5_000;

interface Remembered {
  readonly text: string;
  readonly bodyMax: number | undefined;
  /** Milliseconds, monotonic. */
  readonly savedAt: number;
}

/** What this process knows of lines, by the key of its record. */
export type LineMemory = Map<string, Remembered>;

/** Undefined where nothing is known, or where that cannot be read: it is only a hint. `address` is anywhere on the server. */
export async function recallLine(
  place: Place,
  direction: Direction,
  address: string,
): Promise<Known | undefined> {
  const key = keyOf(place.digester, direction, address);
  await load(place, key);
  return knownNow(place, key);
}

/**
 * As `recallLine`, for an upload of `size` bytes. One that is long enough to try a longer body takes the try of that day: others beside it find the limit
 * as if it had been met just now.
 */
export async function recallUpload(
  place: Place,
  address: string,
  size: number,
): Promise<Known | undefined> {
  const key = keyOf(place.digester, "up", address);
  await load(place, key);
  const known = knownNow(place, key);
  if (!known?.mayTryLonger) return known;
  const { mayTryLonger: _, bodyRefusedAt: __, ...limited } = known;
  if (size <= 2 * (known.bodyMax ?? 0)) return limited;
  await save(place, key, limited);
  return known;
}

/** Never rejects: what cannot be kept will be learned again. What the last seconds before the end of the process have taught may be lost. */
export async function rememberLine(
  place: Place,
  direction: Direction,
  address: string,
  known: Known,
): Promise<void> {
  const key = keyOf(place.digester, direction, address);
  const { lines, clock } = place;
  const last = lines.get(key);
  const isEarly = last !== undefined && clock.monotonic() - last.savedAt < SAVE_EVERY_MS;
  // What costs refused requests is not learned twice.
  if (!isEarly || last.bodyMax !== known.bodyMax) return save(place, key, known);
  lines.set(key, { ...last, text: encodeKnown(known, clock.now()) });
}

function knownNow({ lines, clock }: Place, key: string): Known | undefined {
  const text = lines.get(key)?.text;
  return text === undefined ? undefined : decodeKnown(text, clock.now());
}

/** What this process has learned itself is newer than what is kept. */
async function load({ checkpoints, lines, clock }: Place, key: string): Promise<void> {
  if (lines.has(key)) return;
  const text = await checkpoints.load(key).catch(() => undefined);
  if (text === undefined || lines.has(key)) return;
  const bodyMax = decodeKnown(text, clock.now())?.bodyMax;
  lines.set(key, { text, bodyMax, savedAt: -Infinity });
}

async function save(
  { checkpoints, lines, clock }: Place,
  key: string,
  known: Known,
): Promise<void> {
  const text = encodeKnown(known, clock.now());
  lines.set(key, { text, bodyMax: known.bodyMax, savedAt: clock.monotonic() });
  await checkpoints.save(key, text).catch(() => undefined);
}

/** Lets a transfer tell of damage to what was kept; the returned function ends that. */
export function tellDamage(
  { checkpoints }: Pick<Ports, "checkpoints">,
  emit: Emitter["emit"],
): () => void {
  return checkpoints.onDamage((detail) => emit("notice", { code: "checkpoint_damaged", detail }));
}

function keyOf(digester: Place["digester"], direction: Direction, address: string): string {
  return checkpointKey(digester, "line", direction, new URL(address).origin);
}
