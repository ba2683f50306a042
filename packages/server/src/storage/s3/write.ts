// A part on its way into the store. What is in memory is sent again where that may help; a stream is sent once.
import type { BoundPart, PartBody, Place } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { type CallBody, isRefusal } from "./calls.ts";
import { storageError } from "./failure.ts";
import { multipartOf, numberOf, stagedOf } from "./place.ts";
import { retrying } from "./retry.ts";
import type { Stage } from "./stage.ts";

export async function putPart(
  stage: Stage,
  place: Place,
  { index, size, digest }: BoundPart,
  body: PartBody,
  signal?: AbortSignal,
): Promise<void> {
  const doing = `storing part ${index}`;
  const put = putOf(stage, place, { index, size, digest }, signal);
  try {
    if (body.kind === "stream") return await put(body.pieces);
    const { pieces } = body;
    // One piece goes as it is; of several each is sent from where it lies.
    const [first = new Uint8Array()] = pieces;
    await retrying(stage, doing, () => put(pieces.length > 1 ? pieces : first));
  } catch (error) {
    throw isOtherBytes(error)
      ? new HoldfastError("digest_mismatch", "the store found other bytes", { index }, error)
      : storageError(error, doing);
  }
}

function putOf(
  { calls, keys, marks }: Stage,
  place: Place,
  { index, size, digest: sha256 }: BoundPart,
  signal: AbortSignal | undefined,
): (body: CallBody) => Promise<void> {
  if (!stagedOf(place)) {
    const part = { ...multipartOf(place), number: numberOf(index), size, sha256 };
    return (body) => calls.multipart.put({ ...part, body }, signal);
  }
  const headers = { type: "application/octet-stream", ...marks };
  const object = { key: keys.of({ kind: "part", place, index }), size, sha256, headers };
  return (body) => calls.objects.putDigested({ ...object, body }, signal);
}

/** Names that stores have for it. */
export function isOtherBytes(error: unknown): boolean {
  const cause = error instanceof HoldfastError ? error.cause : error;
  return isRefusal(cause, "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest");
}
