// Every object of uploads that is there, whoever knows of it. Nothing outside our own prefix is ever looked at.
import { isUploadId, type UploadId } from "@holdfast/protocol";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

export interface StoredKey {
  readonly id: UploadId;
  readonly key: string;
  /** False of manifests and tails, which lie beside the bytes. */
  readonly isBytes: boolean;
}

/** What is written or removed meanwhile may be among them or not. */
export async function* storedKeys(stage: Stage): AsyncGenerator<StoredKey, void, void> {
  const { places, allBesides } = stage.keys;
  for (const prefix of [places, allBesides]) {
    let after: string | undefined;
    do {
      const marker: string | undefined = after;
      const page = await retrying(stage, "listing objects", () =>
        stage.calls.objects.list(prefix, marker),
      );
      for (const { key } of page.items) {
        const [id = ""] = key.slice(prefix.length).split("/");
        if (isUploadId(id)) yield { id, key, isBytes: prefix === places };
      }
      after = page.next;
    } while (after !== undefined);
  }
}

export async function isStored({ calls }: Stage, key: string): Promise<boolean> {
  return (await calls.objects.head(key)) !== undefined;
}
