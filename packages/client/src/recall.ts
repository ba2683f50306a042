// What is kept on this device beside the checkpoints: what a line has taught, for the next transfer to or from the same server.
import { checkpointKey } from "./checkpoint.ts";
import type { Emitter } from "./events.ts";
import { decodeKnown, encodeKnown } from "./known.ts";
import type { Known } from "./line.ts";
import type { Ports } from "./ports.ts";

type Place = Pick<Ports, "checkpoints" | "digester" | "clock">;
type Direction = "up" | "down";

/** Undefined where nothing is known, or where that cannot be read: it is only a hint. `address` is anywhere on the server. */
export async function recallLine(
  { checkpoints, digester, clock }: Place,
  direction: Direction,
  address: string,
): Promise<Known | undefined> {
  const key = keyOf(digester, direction, address);
  const text = await checkpoints.load(key).catch(() => undefined);
  return text === undefined ? undefined : decodeKnown(text, clock.now());
}

/** Never rejects: what cannot be kept will be learned again. */
export async function rememberLine(
  { checkpoints, digester, clock }: Place,
  direction: Direction,
  address: string,
  known: Known,
): Promise<void> {
  const key = keyOf(digester, direction, address);
  await checkpoints.save(key, encodeKnown(known, clock.now())).catch(() => undefined);
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
