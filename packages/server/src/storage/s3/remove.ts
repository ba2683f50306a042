// Removing all objects under a prefix of ours, several at once: a file that was staged had thousands.
import { forEach } from "./for-each.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

/** Looks until nothing is left: what still lands meanwhile goes too. */
export async function removeBelow(stage: Stage, prefix: string): Promise<void> {
  const { objects } = stage.calls;
  const list = () => retrying(stage, "listing objects", () => objects.list(prefix));
  for (let page = await list(); page.items.length > 0; page = await list()) {
    await forEach(page.items, ({ key }) =>
      retrying(stage, "removing an object", () => objects.delete(key)),
    );
  }
}
