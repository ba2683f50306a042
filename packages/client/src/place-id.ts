// What tells this device, or this profile of a browser, from every other one where the file does not: a random text among the checkpoints.
import { encodeHex } from "@holdfast/protocol";
import { checkpointKey, seal, unseal } from "./checkpoint.ts";
import type { CheckpointStore, Ports } from "./ports.ts";

/**
 * Keeps what `choose` makes of what is kept under the key, in one step among all who share the place. Resolves with that once it survives power loss.
 *
 * @throws HoldfastError `checkpoint_failed`
 */
export type Settle = (key: string, choose: (kept: string | undefined) => string) => Promise<string>;

/** For a place that only one process has. */
export function settleAlone({ load, save }: Pick<CheckpointStore, "load" | "save">): Settle {
  return async (key, choose) => {
    const chosen = choose(await load(key));
    await save(key, chosen);
    return chosen;
  };
}

/** Of those who begin at the same instant the first one says which it is; where nothing can be kept, it is one for this process only. */
export function createPlace(
  { checkpoints, digester, random }: Pick<Ports, "checkpoints" | "digester" | "random">,
  settle: Settle,
): Ports["place"] {
  const idOf = (text: string | undefined) => {
    const id = text === undefined ? undefined : unseal(digester, text)?.get("place");
    return typeof id === "string" ? id : undefined;
  };

  async function find(): Promise<string> {
    const key = checkpointKey(digester, "place");
    const kept = await checkpoints.load(key).catch(() => undefined);
    const found = idOf(kept);
    if (kept !== undefined && found !== undefined) {
      // Kept once more each time: what nobody has used for a month is forgotten.
      checkpoints.save(key, kept).catch(() => "the one before stays");
      return found;
    }
    const own = encodeHex(random.bytes(16));
    const mine = seal(digester, JSON.stringify({ place: own }));
    const choose = (there: string | undefined) =>
      there === undefined || idOf(there) === undefined ? mine : there;
    return idOf(await settle(key, choose).catch(() => undefined)) ?? own;
  }

  let place: Promise<string> | undefined;
  return () => {
    place ??= find();
    return place;
  };
}
