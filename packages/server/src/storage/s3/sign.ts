// Requests that bring parts without us.
import type { BoundPart, Place, SignedRequest } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { storageError } from "./failure.ts";
import { multipartOf, numberOf, stagedOf } from "./place.ts";
import type { Stage } from "./stage.ts";

export async function sign(
  { calls, capabilities }: Stage,
  place: Place,
  parts: readonly BoundPart[],
  lifeMs: number,
): Promise<readonly SignedRequest[]> {
  if (stagedOf(place)) {
    const message = "parts that can be read at once go through the server";
    throw new HoldfastError("digest_unsupported", message, { algorithms: [] });
  }
  if (!capabilities.checksDigests) {
    const message = "the store does not check digests: parts go through the server";
    throw new HoldfastError("digest_unsupported", message, { algorithms: [] });
  }
  const upload = multipartOf(place);
  const expiresIn = Math.floor(lifeMs / 1000);
  try {
    return await Promise.all(
      parts.map(async ({ index, size, digest }) => {
        const part = { ...upload, number: numberOf(index), size, sha256: digest, expiresIn };
        return { index, ...(await calls.multipart.sign(part)) };
      }),
    );
  } catch (error) {
    throw storageError(error, "signing requests");
  }
}
