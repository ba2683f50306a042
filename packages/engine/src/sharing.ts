// Who may read a file without a token: everybody, or whoever has a link that was not taken back.
import { HoldfastError, isFileId } from "@holdfast/protocol";
import { authorize, type Context, doWork, useUpload } from "./context.ts";
import { findFile } from "./read.ts";
import type { FileRecord, Principal } from "./records.ts";
import { noteVersion } from "./upload.ts";

/** A file that everybody may read. @throws HoldfastError `file_not_found` for any other, whether there is one or not */
export async function publicFile(context: Context, id: string): Promise<FileRecord> {
  const file = isFileId(id) ? await context.metadata.file(id) : undefined;
  if (file?.state === "available" && file.notes?.publicAt !== undefined) return file;
  throw new HoldfastError("file_not_found");
}

/**
 * Resolves when everybody may read the file, or nobody more than may read it by rights.
 *
 * Whoever decides has the right to read it, and to change what there is: a token that only reads lets others read by links, which end with it; this does not.
 * @throws HoldfastError `file_not_found`, or what the policy throws
 */
export function setPublic(
  context: Context,
  principal: Principal,
  id: string,
  who: "everybody" | "nobody",
): Promise<FileRecord> {
  return doWork(context, async () => {
    const file = await findFile(context, principal, id);
    await authorize(context, principal, "write", file, "file_not_found");
    const at = context.clock.now();
    const note =
      who === "everybody" ? ({ kind: "public", at } as const) : { kind: "private" as const };
    await context.metadata.apply({ kind: "note", id: file.id, note });
    return file;
  });
}

/**
 * Resolves when a link counts no more. `until` is when the youngest link there is ends by itself, in milliseconds since 1970.
 */
export function revokeFileLink(
  context: Context,
  principal: Principal,
  id: string,
  link: string,
  until: number,
): Promise<void> {
  return doWork(context, async () => {
    const file = await findFile(context, principal, id);
    const note = { kind: "revoked", link, until, now: context.clock.now() } as const;
    await context.metadata.apply({ kind: "note", id: file.id, note });
  });
}

/** The same for a link to the content of an upload. */
export function revokeContentLink(
  context: Context,
  principal: Principal,
  id: string,
  link: string,
  until: number,
): Promise<void> {
  return doWork(context, () =>
    useUpload(context, principal, "read", id, async (upload) => {
      const { metadata, clock } = context;
      const { id } = upload.record;
      const now = clock.now();
      const version = await metadata.apply({ kind: "revoke-link", id, link, until, now });
      const { revoked = [] } = (await metadata.upload(id)) ?? {};
      upload.record = { ...upload.record, revoked };
      noteVersion(upload, version);
    }),
  );
}
