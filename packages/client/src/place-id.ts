// What tells this device, or this profile of a browser, from every other one where the file does not: a random text among the checkpoints.
import { encodeHex } from "@holdfast/protocol";
import { checkpointKey, seal, unseal } from "./checkpoint.ts";
import type { Ports } from "./ports.ts";
import type { LineMemory } from "./recall.ts";

/** By what all transfers of a client have in common; a browser's have a store each, by which they share the one. */
const known = new WeakMap<LineMemory, Promise<string>>();

/** The same for all transfers of a client, and after every restart as long as its store keeps it; where it cannot be kept, for this process only. */
export function placeId(
  ports: Pick<Ports, "checkpoints" | "digester" | "lines" | "random">,
): Promise<string> {
  const found = known.get(ports.lines) ?? find(ports);
  known.set(ports.lines, found);
  return found;
}

async function find({
  checkpoints,
  digester,
  random,
}: Pick<Ports, "checkpoints" | "digester" | "random">): Promise<string> {
  const key = checkpointKey(digester, "place");
  const kept = await checkpoints.load(key).catch(() => undefined);
  const id = kept === undefined ? undefined : unseal(digester, kept)?.get("place");
  const place = typeof id === "string" ? id : encodeHex(random.bytes(16));
  // Kept once more each time: what nobody has used for a month is forgotten.
  const text = seal(digester, JSON.stringify({ place }));
  const saved = checkpoints.save(key, text).catch(() => undefined);
  if (typeof id !== "string") await saved;
  return place;
}
