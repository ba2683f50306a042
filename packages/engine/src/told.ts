// An offset that is answered is a promise. The record says so before anybody hears it.
import { isHoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { noteVersion, type Upload } from "./upload.ts";

/** Resolves when it is durable that an offset was told: a withdrawal ends the upload from then on. */
export async function requireTold(context: Context, upload: Upload): Promise<void> {
  const { hasToldOffset, id, state } = upload.record;
  if (hasToldOffset || state === "complete") return;
  let version: number | undefined;
  try {
    version = await context.metadata.apply({ kind: "told", id });
  } catch (error) {
    // Published meanwhile: nothing of a file is ever withdrawn.
    if (isHoldfastError(error) && error.details["state"] === "complete") return;
    throw error;
  }
  upload.record = { ...upload.record, hasToldOffset: true };
  noteVersion(upload, version);
}
