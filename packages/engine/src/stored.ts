// What is stored of an upload and of the file that it became, whichever kind of storage has it.
import { type ByteRange, HoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { PartStorage, PlacedObject, StoredObject } from "./ports.ts";
import type { Home, Place, UploadRecord } from "./records.ts";

/** Bytes or a manifest; in a storage of parts the bytes of an upload that has some are in a place. */
export interface Stored extends StoredObject {
  readonly place?: Place;
  readonly home?: Home | undefined;
}

/** As they come from a storage of parts. @throws HoldfastError `storage_failed` where there are fewer */
export async function* readPlaced(
  storage: PartStorage,
  object: Stored,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  if (range.start >= range.end) return;
  let at = range.start;
  for await (const piece of storage.objects.read(placed(object), range)) {
    at += piece.length;
    yield piece;
  }
  if (at < range.end) throw new HoldfastError("storage_failed", "stored bytes are missing");
}

function placed({ id, kind, place, home }: Stored): PlacedObject {
  if (kind === "manifest") return { kind, id, home };
  if (place !== undefined) return { kind, place };
  throw new HoldfastError("internal", "bytes are read of an upload that has no place");
}

/** A manifest beside the bytes. A storage of parts takes it whole: of 10,000 parts it has less than half a MiB. */
export async function putManifest(
  { storage }: Context,
  { id, home }: Pick<UploadRecord, "id" | "home">,
  pieces: Iterable<Uint8Array>,
): Promise<void> {
  const object = { id, kind: "manifest", home } as const;
  if (storage.kind === "regions") return storage.put(object, pieces);
  const all = [...pieces];
  const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of all) {
    bytes.set(piece, at);
    at += piece.length;
  }
  await storage.objects.put(object, bytes);
}

/** Everything of an upload that is wanted no more. May be repeated. */
export async function removeStored(
  { storage }: Context,
  { id, place, home }: Pick<UploadRecord, "id" | "place" | "home">,
): Promise<void> {
  if (storage.kind === "regions") return storage.remove(id);
  if (place !== undefined) await storage.discard(place);
  await storage.objects.removeAll(id, home);
}
