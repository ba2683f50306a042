// The names of other storages that uploads are in, kept in the one that has no name: what is named once is missed where it is named no more.
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

const SIZE_MAX = 1024;

export interface HomeList {
  /** Where each of them was in words, as it was last named. @throws HoldfastError `storage_failed` */
  read(): Promise<ReadonlyMap<string, string>>;
  /** Durably. May be repeated, with other words too. @throws HoldfastError `storage_failed` */
  add(name: string, where: string): Promise<void>;
}

export function createHomeList(stage: Stage): HomeList {
  const { keys, marks } = stage;
  const { objects } = stage.calls;

  async function text(key: string): Promise<string> {
    const pieces: Uint8Array[] = [];
    const found = await objects.get(key, 0, SIZE_MAX);
    for await (const piece of found?.pieces ?? []) pieces.push(piece);
    return Buffer.concat(pieces).toString("utf8");
  }

  return {
    async read() {
      const known = new Map<string, string>();
      const list = () => objects.list(keys.homes);
      // There are a few of them: one page has all.
      const { items } = await retrying(stage, "listing storages", list);
      for (const { key } of items) {
        const where = await retrying(stage, "reading a storage's name", () => text(key));
        known.set(key.slice(keys.homes.length), where);
      }
      return known;
    },
    async add(name, where) {
      const headers = { type: "text/plain", ...marks };
      const bytes = new TextEncoder().encode(where);
      await retrying(stage, "writing a storage's name", () =>
        objects.put(keys.homes + name, bytes, headers),
      );
    },
  };
}
