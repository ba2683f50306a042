// The manifest: written in pieces beside the bytes it describes, and read in pieces.
import {
  type ByteRange,
  equalBytes,
  HoldfastError,
  isHoldfastError,
  type Manifest,
  manifestPieces,
} from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { readForReader, readObject, unlessDeleted } from "./read.ts";
import type { FileRecord, UploadRecord } from "./records.ts";
import { isLost, putManifest, type Stored } from "./stored.ts";

/** Stores the manifest; resolves with what the file's record says of it. On a disk only one piece is in memory at a time. */
export async function writeManifest(
  context: Context,
  upload: Pick<UploadRecord, "id" | "home">,
  manifest: Manifest,
): Promise<Pick<FileRecord, "manifestSize" | "manifestDigest">> {
  const { size, digest } = await putManifest(context, upload, encoded(manifest));
  return { manifestSize: size, manifestDigest: digest };
}

function* encoded(manifest: Manifest): Generator<Uint8Array, void, void> {
  const utf8 = new TextEncoder();
  for (const text of manifestPieces(manifest)) yield utf8.encode(text);
}

/** A small manifest, for the file's own record: one flush less for each small file. */
export function packManifest(
  { digests }: Pick<Context, "digests">,
  manifest: Manifest,
): Pick<FileRecord, "manifest" | "manifestSize" | "manifestDigest"> {
  const bytes = new TextEncoder().encode([...manifestPieces(manifest)].join(""));
  return { manifest: bytes, manifestSize: bytes.length, manifestDigest: digests.sha256(bytes) };
}

/**
 * The stored manifest from first byte to last, checked against its digest before the first is given out. Each piece is valid until the next one is asked for.
 *
 * @throws HoldfastError `storage_failed` with `details.isManifest` where it is damaged.
 */
export async function readManifest(
  context: Context,
  file: FileRecord,
): Promise<AsyncGenerator<Uint8Array, void, void>> {
  await requireManifest(context, file);
  const whole = { start: 0, end: file.manifestSize };
  return file.manifest
    ? piecesOf(context, file, whole)
    : readForReader(context, objectOf(file), whole);
}

/** @throws HoldfastError as `readManifest` */
export async function requireManifest(context: Context, file: FileRecord): Promise<void> {
  const running = context.digests.create();
  const whole = { start: 0, end: file.manifestSize };
  for await (const piece of piecesOf(context, file, whole)) running.update(piece);
  if (equalBytes(running.digest(), file.manifestDigest)) return;
  throw damagedManifest();
}

export function damagedManifest(cause?: unknown): HoldfastError {
  const details = { isManifest: true };
  return new HoldfastError("storage_failed", "the stored manifest is damaged", details, cause);
}

export function isManifestDamage(error: unknown): boolean {
  return isHoldfastError(error) && error.details["isManifest"] === true;
}

/** From the record where it stands there, from the storage else. @throws HoldfastError as `readManifest` where there are none, or they cannot be read any more */
export async function* piecesOf(
  context: Context,
  file: FileRecord,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, void> {
  if (file.manifest) yield file.manifest.subarray(start, end);
  else {
    const pieces = readObject(context, objectOf(file), { start, end });
    yield* unlessDeleted(context, file, pieces, async (cause) =>
      isLost(cause) ? damagedManifest(cause) : cause,
    );
  }
}

function objectOf({ uploadId: id, home, manifestDigest: digest }: FileRecord): Stored {
  return { id, kind: "manifest", home, digest };
}
