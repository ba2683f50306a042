// Objects that no record knows are counted: those of no upload, those of another attempt, and none that is only being removed.
import type { Place } from "@holdfast/engine";
import { uploadId } from "@holdfast/protocol";
import { sampleFile, sampleUpload } from "@holdfast/testkit/metadata/samples";
import { expect, it } from "vitest";
import type { StoredKey } from "./storage/s3/stored.ts";
import { countUnrecorded } from "./unrecorded-objects.ts";

const OPEN = { ...sampleUpload(1), place: "open/first" as Place };
const FILE = { ...sampleFile(sampleUpload(2)), place: "file/first" as Place };
const UNKNOWN = uploadId(new Uint8Array(16).fill(200));

const metadata = {
  upload: async (by: unknown) => (by === OPEN.id ? OPEN : undefined),
  file: async (by: unknown) =>
    typeof by === "object" && by && "uploadId" in by && by.uploadId === FILE.uploadId
      ? FILE
      : undefined,
};

function count(objects: readonly StoredKey[], gone: readonly string[] = []): Promise<number> {
  const bucket = {
    async *stored() {
      yield* objects;
    },
    isStored: async (key: string) => !gone.includes(key),
    keyOf: (place: Place): string => place,
  };
  return countUnrecorded(bucket, metadata, () => false);
}

it.each([
  ["of an open upload", { id: OPEN.id, key: "open/first", isBytes: true }, 0],
  ["of a file", { id: FILE.uploadId, key: "file/first", isBytes: true }, 0],
  ["beside an upload", { id: OPEN.id, key: "tail", isBytes: false }, 0],
  ["beside a file", { id: FILE.uploadId, key: "manifest", isBytes: false }, 0],
  ["of another attempt", { id: OPEN.id, key: "open/second", isBytes: true }, 1],
  ["of no upload", { id: UNKNOWN, key: "other", isBytes: true }, 1],
  ["beside no upload", { id: UNKNOWN, key: "manifest", isBytes: false }, 1],
] as const)("an object %s", async (_what, stored, expected) => {
  expect(await count([stored])).toBe(expected);
  expect(await count([stored], [stored.key])).toBe(0);
});
