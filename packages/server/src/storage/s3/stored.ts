// Every object of uploads that is there, whoever knows of it. Nothing outside our own prefix is ever looked at.
import type { ListedObject } from "@holdfast/engine";
import { multipartOf } from "./place.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

/** What is written or removed meanwhile may be among them or not. */
export async function* storedObjects(stage: Stage): AsyncGenerator<ListedObject, void, void> {
  const { keys, calls } = stage;
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
        if (known) yield { ...known, isIn, size, ageMs: page.answeredAt - modifiedAt };
      }
      after = page.next;
    } while (after !== undefined);
  }
}
