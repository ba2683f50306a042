// What a store of parts keeps: places with their parts or what became of them, and objects beside. It outlives the process that asks it.
import { createHash } from "node:crypto";
import type { BoundPart, Place } from "@holdfast/engine";
import { equalBytes, HoldfastError, type UploadId } from "@holdfast/protocol";

export interface PartsState {
  readonly places: Map<Place, PlaceState>;
  /** Manifests and tails, by their key. */
  readonly objects: Map<string, Uint8Array>;
  /** When each of these was written. */
  readonly writtenAt: Map<string, number>;
  /** Places that ever were: no name is used twice. */
  begun: number;
}

export interface PlaceState {
  readonly id: UploadId;
  readonly beganAt: number;
  readonly parts: Map<number, StoredPart>;
  /** Once it is assembled: the parts are gone then. */
  object?: Uint8Array;
  assembledAt?: number;
}

interface StoredPart {
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
}

export function emptyParts(): PartsState {
  return { places: new Map(), objects: new Map(), writtenAt: new Map(), begun: 0 };
}

/** The same at this moment: bytes that are stored never change, so they are shared. */
export function copyParts({ places, objects, writtenAt, begun }: PartsState): PartsState {
  return {
    places: new Map(
      [...places].map(([place, state]) => [place, { ...state, parts: new Map(state.parts) }]),
    ),
    objects: new Map(objects),
    writtenAt: new Map(writtenAt),
    begun,
  };
}

/** As the store does that takes any part of a place that it knows: what was there goes. */
export function storePart(
  state: PartsState,
  place: Place,
  part: BoundPart,
  bytes: Uint8Array,
): void {
  const known = state.places.get(place);
  if (!known || known.object) throw refused("NoSuchUpload");
  requirePart(part, bytes);
  known.parts.set(part.index, storedOf(bytes));
}

/** @throws HoldfastError `digest_mismatch`; `storage_failed` where there are more bytes, or fewer. */
export function requirePart({ index, size, digest }: BoundPart, bytes: Uint8Array): void {
  if (bytes.length !== size) throw refused("IncompleteBody");
  if (equalBytes(storedOf(bytes).digest, digest)) return;
  throw new HoldfastError("digest_mismatch", undefined, { index });
}

export function storedOf(bytes: Uint8Array): StoredPart {
  return { digest: new Uint8Array(createHash("sha256").update(bytes).digest()), bytes };
}

/** `staged` stands for a place whose parts are objects. @throws HoldfastError `parts_missing`; `storage_failed` where there is no such place, or a part in the middle is too small. */
export function joinParts(
  state: PartsState,
  place: Place,
  parts: readonly BoundPart[],
  { partSizeMin, now }: { readonly partSizeMin: number; readonly now: number },
  staged?: PlaceState,
): void {
  const known = staged ?? state.places.get(place);
  if (!known) throw refused("NoSuchUpload");
  if (known.object) return;
  const missing = parts.filter(({ index, digest }) => {
    const stored = known.parts.get(index);
    return !stored || !equalBytes(stored.digest, digest);
  });
  if (missing.length > 0) {
    const ranges = missing.map(({ index }) => [index, index + 1]);
    throw new HoldfastError("parts_missing", undefined, { missing: ranges });
  }
  if (parts.slice(0, -1).some(({ size }) => size < partSizeMin)) throw refused("EntityTooSmall");
  if (parts.length === 0) throw refused("MalformedXML");
  const bytes = parts.map(({ index }) => known.parts.get(index)?.bytes ?? new Uint8Array());
  known.object = new Uint8Array(Buffer.concat(bytes));
  known.assembledAt = now;
  known.parts.clear();
  if (staged) state.places.set(place, staged);
}

export function refused(store: string): HoldfastError {
  const gone = store === "NoSuchUpload" ? { isPlaceGone: true } : {};
  const message = `the store refused with ${store}`;
  return new HoldfastError("storage_failed", message, { store, ...gone });
}
