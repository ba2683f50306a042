// Create keys: a creation that is sent twice under one Idempotency-Key makes one upload.
import {
  canonicalJson,
  equalBytes,
  HoldfastError,
  isHoldfastError,
  type Json,
} from "@holdfast/protocol";
import type { Change } from "./changes.ts";
import type { Context } from "./context.ts";
import type { CreateKey, UploadRecord } from "./records.ts";

/** The key as it is recorded. `request` is everything the request asks for, so that another one under the same key is noticed. */
export function createKey(
  { digests }: Pick<Context, "digests">,
  key: string,
  request: Json,
): CreateKey {
  const sha256 = (text: string) => digests.sha256(new TextEncoder().encode(text));
  return { name: sha256(key), request: sha256(canonicalJson(request)) };
}

/**
 * Makes the upload that a change creates, or finds the one that the same request has made under the same key: the answer to the first may be lost, and the key stands
 * in the upload's record, so it is known exactly as long as the upload is.
 *
 * @throws HoldfastError `idempotency_conflict` where another request has used the key; what the change throws.
 */
export async function applyOnce(
  context: Context,
  change: Extract<Change, { readonly upload: UploadRecord }>,
): Promise<UploadRecord> {
  const { upload } = change;
  for (;;) {
    try {
      await context.metadata.apply(change);
      return upload;
    } catch (error) {
      const isTaken = isHoldfastError(error) && error.code === "idempotency_conflict";
      if (!isTaken || !upload.key) throw error;
      const made = await findMade(context, upload);
      // Forgotten in between, the key is free again.
      if (made) return made;
    }
  }
}

/**
 * What the same request has made under the same key before, if anything.
 * @throws HoldfastError `idempotency_conflict` where another request has used the key.
 */
export async function findMade(
  { metadata }: Context,
  { tenant, principal, key }: UploadRecord,
): Promise<UploadRecord | undefined> {
  const made = key && (await metadata.upload({ tenant, principal, name: key.name }));
  if (!made || (made.key && equalBytes(made.key.request, key.request))) return made;
  throw new HoldfastError("idempotency_conflict");
}
