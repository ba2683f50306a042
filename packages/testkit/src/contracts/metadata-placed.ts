// What the tests of places work with: an upload in its place, changes to it, and what its parts are.
import type { Change, Place, UploadRecord } from "@holdfast/engine";
import { encodeBase64 } from "@holdfast/protocol";
import { sampleDigest, samplePart, samplePlace, sampleUpload } from "../metadata/samples.ts";
import type { MetadataBench } from "./metadata-bench.ts";

export const HERE: Place = samplePlace(1);
export const THERE: Place = samplePlace(2);

/** An upload whose parts go to the first place. */
export async function beginPlaced(
  bench: MetadataBench,
  parts = 3,
  given: Partial<UploadRecord> = {},
): Promise<UploadRecord> {
  const upload = sampleUpload(parts, given);
  const { id } = upload;
  await bench.applyAll({ kind: "create", upload }, { kind: "place", id, place: HERE });
  return { ...upload, place: HERE };
}

export function bindOf(
  { id, size }: UploadRecord,
  ...indexes: readonly number[]
): Extract<Change, { readonly kind: "bind" }> {
  return { kind: "bind", id, place: HERE, size, parts: indexes.map((index) => samplePart(index)) };
}

export function commitOf(
  { id, expiresAt, place }: UploadRecord,
  ...indexes: readonly number[]
): Extract<Change, { readonly kind: "commit" }> {
  const where = place === undefined ? {} : { place };
  const parts = indexes.map((index) => samplePart(index));
  return { kind: "commit", id, ...where, parts, expiresAt };
}

export function moveOf(
  { id }: UploadRecord,
  ...kept: readonly number[]
): Extract<Change, { readonly kind: "move" }> {
  return { kind: "move", id, place: THERE, instead: HERE, kept, at: 7 };
}

export interface PlacedParts {
  readonly committed: readonly number[];
  readonly bound: readonly number[];
  /** Those that have their sample's digest. */
  readonly digests: readonly number[];
  /** How many have none. */
  readonly zeros: number;
}

export async function partsOf(bench: MetadataBench, { id }: UploadRecord): Promise<PlacedParts> {
  const { bits, bound, digests } = await bench.store().parts(id);
  const all = [...Array(digests.length / 32).keys()];
  const isIn = (set: Uint8Array) => (i: number) => ((set[i >> 3] ?? 0) & (1 << (i & 7))) !== 0;
  const digestOf = (i: number) => encodeBase64(digests.slice(i * 32, i * 32 + 32));
  const zeros = encodeBase64(new Uint8Array(32));
  return {
    committed: all.filter(isIn(bits)),
    bound: all.filter(isIn(bound)),
    digests: all.filter((i) => digestOf(i) === encodeBase64(sampleDigest(i))),
    zeros: all.filter((i) => digestOf(i) === zeros).length,
  };
}
