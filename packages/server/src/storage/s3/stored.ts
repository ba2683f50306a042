// Every object of uploads that is there, whoever knows of it. Nothing outside our own prefix is ever looked at.
import type { ListedObject } from "@holdfast/engine";
import { multipartOf } from "./place.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

/** What is written or removed meanwhile may be among them or not. */
export async function* storedObjects(stage: Stage): AsyncGenerator<ListedObject, void, void> {
  const { keys, calls } = stage;
  const now = await storeTime(stage);
  for (const prefix of [keys.places, keys.allBesides]) {
    let after: string | undefined;
    do {
      const marker: string | undefined = after;
      const page = await retrying(stage, "listing objects", () =>
        calls.objects.list(prefix, marker),
      );
      for (const { key, size, modifiedAt } of page.items) {
        const known = keys.objectOf(key);
        const isIn: ListedObject["isIn"] = (place) => multipartOf(place).key === key;
        if (known) yield { ...known, isIn, size, ageMs: now - modifiedAt };
      }
      after = page.next;
    } while (after !== undefined);
  }
}

/** The store's clock: when it says that what we have just written was written. */
async function storeTime(stage: Stage): Promise<number> {
  const { objects } = stage.calls;
  const { clock: key } = stage.keys;
  const headers = { type: "text/plain", ...stage.marks };
  await retrying(stage, "writing an object", () => objects.put(key, new Uint8Array([0]), headers));
  const facts = await retrying(stage, "looking at an object", () => objects.head(key));
  await retrying(stage, "removing an object", () => objects.delete(key));
  // Another server may just have removed the same one: then nothing is old enough for anything.
  return facts?.modifiedAt ?? 0;
}
