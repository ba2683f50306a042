// Where the objects of an upload stand in the bucket. A place is a multipart upload under a key that no other attempt has.
import type { Home, Place, PlacedObject } from "@holdfast/engine";
import { HoldfastError, isUploadId, type UploadId } from "@holdfast/protocol";
import type { MultipartId } from "./calls.ts";

/** Everything of ours is below `prefix`, and nothing else is ever listed or removed. */
export interface Keys {
  /** Of a new attempt; `attempt` is random. */
  bytes(id: UploadId, attempt: string): string;
  of(object: PlacedObject): string;
  /** Of the parts of a staged place, whose bytes get this key in the end. */
  parts(key: string): string;
  /** Of everything that is stored for an upload beside its places. */
  besides(id: UploadId): string;
  /** Of every object that a place of an upload has become. */
  bytesOf(id: UploadId): string;
  /** Of the tails among them. */
  tails(id: UploadId): string;
  /** Of all places. */
  readonly places: string;
  /** Of everything else that belongs to uploads. */
  readonly allBesides: string;
  /** The object that says whose records know of the others. */
  readonly mark: string;
  /** Of the names of other storages that uploads of these records are in. */
  readonly homes: string;
  /** What an object was stored as, and for which upload; undefined of what nobody of ours has stored. */
  objectOf(key: string): { readonly id: UploadId; readonly object: PlacedObject } | undefined;
  /** The upload that a key of `bytes` was made for. */
  uploadOf(key: string): UploadId | undefined;
}

/** @param prefix Empty, or ends with a slash. */
export function createKeys(prefix: string, home?: Home): Keys {
  const places = `${prefix}bytes/`;
  const allBesides = `${prefix}besides/`;
  const besides = (id: UploadId) => `${allBesides}${id}/`;
  const PARTS = "part";
  function parts(key: string): string {
    const [id = "", attempt = ""] = key.slice(places.length).split("/");
    return `${allBesides}${id}/${PARTS}/${attempt}/`;
  }
  function uploadOf(key: string): UploadId | undefined {
    if (!key.startsWith(places)) return undefined;
    const [id = ""] = key.slice(places.length).split("/");
    return isUploadId(id) ? id : undefined;
  }
  const below = (id: UploadId, kind: "manifest" | "tail") => `${besides(id)}${kind}/`;
  return {
    places,
    allBesides,
    mark: `${prefix}holdfast.json`,
    homes: `${prefix}homes/`,
    besides,
    tails: (id) => below(id, "tail"),
    bytesOf: (id) => `${places}${id}/`,
    bytes: (id, attempt) => `${places}${id}/${attempt}`,
    of(object) {
      if (object.kind === "bytes") return multipartOf(object.place).key;
      if (object.kind === "part") return parts(multipartOf(object.place).key) + object.index;
      return below(object.id, object.kind) + object.name;
    },
    parts,
    uploadOf,
    objectOf(key) {
      const placed = uploadOf(key);
      if (placed) {
        return {
          id: placed,
          object: { kind: "bytes", place: placeOf({ key, uploadId: "" }, home) },
        };
      }
      if (!key.startsWith(allBesides)) return undefined;
      const [id = "", kind, name, index] = key.slice(allBesides.length).split("/");
      if (!isUploadId(id)) return undefined;
      if (kind === PARTS) {
        if (name === undefined || !/^\d+$/.test(index ?? "")) return undefined;
        const place = placeOf({ key: `${places}${id}/${name}`, uploadId: "" }, home);
        return { id, object: { kind: "part", place, index: Number(index) } };
      }
      const isOurs = (kind === "manifest" || kind === "tail") && name !== undefined;
      return isOurs ? { id, object: { kind, id, name, home } } : undefined;
    },
  };
}

export function placeOf({ key, uploadId }: MultipartId, home?: Home): Place {
  return JSON.stringify(home === undefined ? [key, uploadId] : [key, uploadId, home]) as Place;
}

/** A place whose parts are objects of their own. What becomes of them gets `key`, and is of this type. */
export interface Staged {
  readonly key: string;
  readonly type: string;
}

/** By its name a key says that it is a staged place's: its attempts to assemble stand under it, too. */
const STAGED = "staged-";

export function stagedAttempt(attempt: string): string {
  return STAGED + attempt;
}

export function isStagedKey(key: string): boolean {
  return key.slice(key.lastIndexOf("/") + 1).startsWith(STAGED);
}

export function placeOfStaged({ key, type }: Staged, home?: Home): Place {
  return JSON.stringify([key, "", home ?? null, type]) as Place;
}

/** Undefined of one whose parts go to a multipart upload. */
export function stagedOf(place: Place): Staged | undefined {
  const [key, , , type]: unknown[] = JSON.parse(place);
  return typeof key === "string" && typeof type === "string" ? { key, type } : undefined;
}

/** Which of several storages it is in. */
export function homeOf(place: Place): Home | undefined {
  const [, , home]: unknown[] = JSON.parse(place);
  return typeof home === "string" ? (home as Home) : undefined;
}

/** @throws HoldfastError `internal` where the record has been tampered with. */
export function multipartOf(place: Place): MultipartId {
  const [key, uploadId]: unknown[] = JSON.parse(place);
  if (typeof key === "string" && typeof uploadId === "string") return { key, uploadId };
  throw new HoldfastError("internal", "a place of an upload cannot be read");
}

/** Parts are numbered from 1. */
export function numberOf(index: number): number {
  return index + 1;
}
