// Removing all objects under a prefix of ours, several at once: a file that was staged had thousands.
import { HoldfastError } from "@holdfast/protocol";
import { forEach } from "./for-each.ts";
import { pause, retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

interface RemoveTerms {
  /** By the rest of their keys; all of them by default. */
  readonly isUnwanted?: (name: string) => boolean;
  /** Asked before each page of them: false ends it. */
  readonly isStill?: () => Promise<boolean>;
}

/** A store that says it removes, and goes on listing what it has removed, would be asked for ever. */
const PASSES = 5;

/**
 * Looks until a pass finds none: what still lands meanwhile goes too.
 * @throws HoldfastError `storage_failed` where every pass finds some
 */
export async function removeBelow(
  stage: Stage,
  prefix: string,
  terms: RemoveTerms = {},
): Promise<void> {
  for (let passes = 1; await removeOnce(stage, prefix, terms); passes++) {
    if (passes === PASSES) {
      const message = `the store goes on listing what it has removed below ${prefix}`;
      throw new HoldfastError("storage_failed", message);
    }
    if (passes > 1) await pause(stage, passes);
  }
}

/** Resolves with whether there was any. */
async function removeOnce(
  stage: Stage,
  prefix: string,
  { isUnwanted = () => true, isStill = async () => true }: RemoveTerms,
): Promise<boolean> {
  const { objects } = stage.calls;
  let isFound = false;
  let after: string | undefined;
  do {
    const marker: string | undefined = after;
    const list = () => objects.list(prefix, marker);
    const page = await retrying(stage, "listing objects", list);
    if (page.items.length > 0 && !(await isStill())) return false;
    const unwanted = page.items.filter(({ key }) => isUnwanted(key.slice(prefix.length)));
    await removeKeys(
      stage,
      unwanted.map(({ key }) => key),
    );
    isFound ||= unwanted.length > 0;
    after = page.next;
  } while (after !== undefined);
  return isFound;
}

/** As many as one by one take no longer. */
const FEW = 8;
/** No store takes more. */
const AT_ONCE_MAX = 1000;

/** What a store lists at once it takes at once; not every one that speaks S3 can, or knows the digest that the request comes with. */
async function removeKeys(stage: Stage, keys: readonly string[]): Promise<void> {
  const { objects } = stage.calls;
  if (keys.length > FEW && keys.length <= AT_ONCE_MAX) {
    try {
      return await objects.deleteMany(keys);
    } catch {
      // What has gone is gone, and the rest tells by itself what is wrong.
    }
  }
  await forEach(keys, (key) => retrying(stage, "removing an object", () => objects.delete(key)));
}
