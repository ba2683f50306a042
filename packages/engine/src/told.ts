// An offset that is answered is a promise. The record says so before anybody hears it.
import type { Context } from "./context.ts";
import type { Upload } from "./upload.ts";

/** Resolves when it is durable that an offset was told: a withdrawal ends the upload from then on. */
export async function requireTold(context: Context, upload: Upload): Promise<void> {
  const { hasToldOffset, id, state } = upload.record;
  if (hasToldOffset || state === "complete") return;
  await context.metadata.apply({ kind: "told", id });
  upload.record = { ...upload.record, hasToldOffset: true };
}
