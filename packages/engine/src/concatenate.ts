// concatenate: a new upload of the bytes of others, in their order. It is `completing` while they are read once, through the way that appends take.
import type { UploadView } from "@holdfast/protocol";
import { endUpload } from "./abort.ts";
import { authorize, type Context, doWork } from "./context.ts";
import { newRecord, requireSize } from "./create.ts";
import type { Concatenation } from "./engine.ts";
import { measurePartials } from "./partials.ts";
import { driveAWhile } from "./publish.ts";
import type { Principal } from "./records.ts";
import { viewOf } from "./status.ts";
import type { Upload } from "./upload.ts";

export function concatenate(
  context: Context,
  principal: Principal,
  { partials: ids, request, ...beginning }: Concatenation,
): Promise<UploadView> {
  return doWork(context, async () => {
    await authorize(context, principal, "create", principal, "upload_not_found");
    const { limits = {} } = principal;
    const { partials, size } = await measurePartials(context, principal, ids);
    const wants = { ...request, size };
    requireSize(wants, limits);
    await context.room.require(size);
    const role = { kind: "final", partials } as const;
    const upload = newRecord(context, principal, wants, { ...beginning, role });
    await context.metadata.apply({ kind: "create", upload, limits });
    return context.uploads.use(upload.id, async (upload) => {
      await requirePinned(context, upload, () => measurePartials(context, principal, ids));
      await beginAssembling(context, upload);
      return viewOf(context, upload);
    });
  });
}

/** From its record on a final keeps its partials; one that went before that is found missing now. */
async function requirePinned(
  context: Context,
  upload: Upload,
  look: () => Promise<unknown>,
): Promise<void> {
  try {
    await look();
  } catch (error) {
    await endUpload(context, upload).catch((cause: unknown) => {
      context.log("error", "final.left", { upload: upload.record.id, cause });
    });
    throw error;
  }
}

/** The upload is there for certain: what goes wrong from here on is told and tried again beside this. */
async function beginAssembling(context: Context, upload: Upload): Promise<void> {
  await driveAWhile(context, upload).catch(() => undefined);
}
