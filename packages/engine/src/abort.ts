// abort: ends an upload and removes its bytes.
import { HoldfastError } from "@holdfast/protocol";
import { endClaims } from "./claims.ts";
import { type Context, doWork, useUpload } from "./context.ts";
import type { Principal } from "./records.ts";
import { removeStored } from "./stored.ts";
import type { Upload } from "./upload.ts";

export function abort(context: Context, principal: Principal, id: string): Promise<void> {
  return doWork(context, () =>
    useUpload(context, principal, "write", id, (upload) => endUpload(context, upload)),
  );
}

/** @throws HoldfastError `upload_not_open` where it has become a file. */
export async function endUpload(context: Context, upload: Upload): Promise<void> {
  upload.proving?.abort(new HoldfastError("upload_ended"));
  await upload.publishing?.catch(() => undefined);
  const { state } = upload.record;
  if (state === "complete") throw new HoldfastError("upload_not_open", undefined, { state });
  if (state === "open" || state === "completing") {
    const at = context.clock.now();
    await context.metadata.apply({ kind: "end", id: upload.record.id, state: "aborted", at });
    upload.record = { ...upload.record, state: "aborted", endedAt: at };
  }
  await clear(context, upload);
}

/** Removes the bytes of an ended upload. The record says first that it has ended, then that the bytes are gone: a crash in between leaves work, never a gap. */
export async function clear(context: Context, upload: Upload): Promise<void> {
  if (!upload.record.hasBytes) return;
  const { id, state } = upload.record;
  await endClaims(upload.claims, new HoldfastError("upload_ended", undefined, { state }));
  // One that began while the end was being recorded cannot publish any more, but it may still write a manifest.
  await upload.publishing?.catch(() => undefined);
  await removeStored(context, upload.record);
  await context.metadata.apply({ kind: "cleared", id });
  upload.record = { ...upload.record, hasBytes: false };
}
