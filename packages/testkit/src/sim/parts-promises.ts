// What must hold over a store of parts, whatever clients do: what is committed is there, and in the end nothing that nobody wants is.
import { hasPart, partCount, partOffset, partSizeAt, type UploadView } from "@holdfast/protocol";
import { sameBytes } from "../same-bytes.ts";
import { landLate, type PartsLife } from "./parts-life.ts";

const A_DAY_MS = 25 * 60 * 60 * 1000;

/** The bytes of a part. */
export function bytesOf(view: UploadView, content: Uint8Array, index: number): Uint8Array {
  const at = partOffset(view, index);
  return content.subarray(at, at + partSizeAt(view, index));
}

/** What is committed is in the store, and nothing else can come to stand there. */
export async function partViolations(
  life: PartsLife,
  view: UploadView,
  content: Uint8Array,
): Promise<string[]> {
  const record = await life.metadata.upload(view.id);
  const place = record?.place && life.storage.state.places.get(record.place);
  const wrong: string[] = [];
  for (let index = 0; index < partCount(view); index++) {
    const expected = bytesOf(view, content, index);
    const bytes = place?.object
      ? place.object.subarray(partOffset(view, index), partOffset(view, index) + expected.length)
      : place?.parts.get(index)?.bytes;
    const isThere = bytes !== undefined && sameBytes(bytes, expected);
    if (hasPart(view.committed, index) && !isThere) {
      wrong.push(`part ${index} is committed and the store does not have it`);
    }
    if (bytes && !isThere) wrong.push(`part ${index} has other bytes`);
  }
  return wrong;
}

/** Of what has ended nothing takes room, and days later there are the files, each with its manifest, and nothing else. */
export async function leftBehind(life: PartsLife): Promise<string[]> {
  const { engine, clock, storage, metadata } = life;
  for (const { id, place, hasBytes } of metadata.snapshot().uploads.values()) {
    const isThere = place !== undefined && storage.state.places.has(place);
    // A sweep would find it a day later.
    if (!hasBytes && isThere) return [`${id} has no bytes by its record, and a place by the store`];
  }
  for (let times = 0; times < 3; times++) {
    clock.advance(A_DAY_MS);
    const { failed, isWhole } = await engine.sweep("server", { isDryRun: false });
    if (failed > 0 || !isWhole) return ["a sweep could not do its work"];
  }
  landLate(life);
  const { files, uploads } = metadata.snapshot();
  const { places, objects } = storage.state;
  const wrong: string[] = [];
  const whole = [...places.values()].filter(({ object }) => object).length;
  if (places.size !== files.size || whole !== files.size) {
    wrong.push(`${files.size} files, and ${places.size} places (${whole} whole)`);
  }
  if (objects.size !== files.size) wrong.push(`left beside: ${[...objects.keys()]}`);
  if (uploads.size > 0) wrong.push(`${uploads.size} records are left`);
  return wrong;
}
