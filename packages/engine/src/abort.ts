// abort: ends an upload and removes its bytes.
import { HoldfastError } from "@holdfast/protocol";
import { endAssembling } from "./assemble.ts";
import { endClaims } from "./claims.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import { ifClaimed, ifFree, tokenOf, underClaim } from "./host-claim.ts";
import type { OnHeld } from "./host-take.ts";
import { isPinned } from "./partials.ts";
import type { Principal, UploadRecord } from "./records.ts";
import { removeStored } from "./stored.ts";
import type { Upload } from "./upload.ts";

export function abort(context: Context, principal: Principal, id: string): Promise<void> {
  return doWork(context, () =>
    useUpload(context, principal, "write", id, (upload) => endUpload(context, upload)),
  );
}

/** @throws HoldfastError `upload_not_open` where it has become a file. */
export function endUpload(context: Context, upload: Upload): Promise<void> {
  return underClaim(context, upload, unlessGone, () => end(context, upload));
}

/** Nothing of a file is ended here, and nothing is left of what has no bytes. */
function unlessGone({ state, hasBytes }: UploadRecord): "wanted" | "none" {
  return state === "complete" || !hasBytes ? "none" : "wanted";
}

async function end(context: Context, upload: Upload): Promise<void> {
  await endAssembling(upload);
  upload.proving?.abort(new HoldfastError("upload_ended"));
  await upload.publishing?.catch(() => undefined);
  const { state } = upload.record;
  if (state === "complete") throw new HoldfastError("upload_not_open", undefined, { state });
  if (state === "open" || state === "completing") {
    const at = context.clock.now();
    const { id } = upload.record;
    const token = tokenOf(context, upload);
    await context.metadata.apply({ kind: "end", id, ...token, state: "aborted", at });
    upload.record = { ...upload.record, state: "aborted", endedAt: at };
  }
  await clear(context, upload);
}

/** What an end has left is removed, unless another server is at it, or a final reads it: then this is false. */
export async function clearIfFree(
  context: Context,
  upload: Upload,
  onHeld?: OnHeld,
): Promise<boolean> {
  const clearing = () => clear(context, upload);
  return (await ifClaimed(context, upload, ifFree, clearing, onHeld)) ?? false;
}

/** Removes the bytes of an ended upload. The record says first that it has ended, then that the bytes are gone: a crash in between leaves work, never a gap. False where there is nothing to remove now. */
export async function clear(context: Context, upload: Upload): Promise<boolean> {
  if (!upload.record.hasBytes) return false;
  const { id, state } = upload.record;
  await endClaims(upload.claims, new HoldfastError("upload_ended", undefined, { state }));
  // One that began while the end was being recorded cannot publish any more, but it may still write a manifest.
  await upload.publishing?.catch(() => undefined);
  // Hidden it is; finals still read it.
  if (await isPinned(context, upload.record)) return false;
  await removeStored(context, upload.record);
  await context.metadata.apply({ kind: "cleared", id });
  upload.record = { ...upload.record, hasBytes: false };
  return true;
}
