// What is stored of an upload and of the file that it became, whichever kind of storage has it.
import {
  type ByteRange,
  encodeHex,
  HoldfastError,
  isHoldfastError,
  type UploadId,
} from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { PartStorage, PlacedObject, StoredObject } from "./ports.ts";
import type { FileRecord, Home, Place, UploadRecord } from "./records.ts";

/** Bytes or a manifest; in a storage of parts the bytes of an upload that has some are in a place, and a manifest is under its digest. */
export interface Stored extends StoredObject {
  readonly place?: Place;
  readonly home?: Home | undefined;
  readonly digest?: Uint8Array;
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
  if (at < range.end) throw missing();
}

/** `details.isMissing`: the storage answers, and there is nothing. */
export function missing(): HoldfastError {
  return new HoldfastError("storage_failed", "stored bytes are missing", { isMissing: true });
}

/** Whether bytes are lost where they are stored: there are none, or what stores them says that they cannot be read any more. */
export function isLost(error: unknown): error is HoldfastError {
  if (!isHoldfastError(error)) return false;
  return error.details["isMissing"] === true || error.details["isUnreadable"] === true;
}

/** The failure of a read; of one that says that bytes are lost, with where they are among those of the object. */
export function lostIn(cause: unknown, { start, end }: ByteRange): unknown {
  if (!isLost(cause)) return cause;
  const { code, message, details } = cause;
  return new HoldfastError(code, message, { ...details, start, end }, cause);
}

/** Where bytes are lost, if it is known. */
export function lostRange(error: unknown): ByteRange | undefined {
  if (!isLost(error)) return undefined;
  const { start, end } = error.details;
  return typeof start === "number" && typeof end === "number" ? { start, end } : undefined;
}

function placed({ id, kind, place, home, digest }: Stored): PlacedObject {
  if (kind === "manifest" && digest) return manifestIn(id, home, digest);
  if (kind === "bytes" && place !== undefined) return { kind, place };
  throw new HoldfastError("internal", "something is read that no record places");
}

function manifestIn(id: UploadId, home: Home | undefined, digest: Uint8Array): PlacedObject {
  return { kind: "manifest", id, name: encodeHex(digest), home };
}

/** Whether it is the manifest of this file, and none that another attempt at publishing has left. */
export function isManifestOf(
  { manifestDigest, home }: Pick<FileRecord, "manifestDigest" | "home">,
  object: Extract<PlacedObject, { readonly id: UploadId }>,
): boolean {
  return object.name === encodeHex(manifestDigest) && object.home === home;
}

/**
 * A manifest beside the bytes; resolves with the size and the digest of what was stored. A disk is one server's, which publishes once at a time. A storage of parts takes it whole, of
 * 10,000 parts it has less than half a MiB, and under its digest: a server that was overtaken on the way must not change what another one has published.
 */
export async function putManifest(
  { storage, digests }: Context,
  { id, home }: Pick<UploadRecord, "id" | "home">,
  pieces: Iterable<Uint8Array>,
): Promise<{ readonly size: number; readonly digest: Uint8Array }> {
  if (storage.kind === "parts") {
    const bytes = joined([...pieces]);
    const digest = digests.sha256(bytes);
    await storage.objects.put(manifestIn(id, home, digest), bytes);
    return { size: bytes.length, digest };
  }
  const running = digests.create();
  let size = 0;
  function* digested(): Generator<Uint8Array, void, void> {
    for (const piece of pieces) {
      size += piece.length;
      running.update(piece);
      yield piece;
    }
  }
  await storage.put({ id, kind: "manifest" }, digested());
  return { size, digest: running.digest() };
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
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
