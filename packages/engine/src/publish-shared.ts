// Publishing where several servers may be asked for it: one of them does it, under the claim, and the others see what comes of it.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { requireNotEnded } from "./claims.ts";
import type { Context } from "./context.ts";
import { ifClaimed } from "./host-claim.ts";
import type { UploadRecord } from "./records.ts";
import { refresh } from "./refresh.ts";
import { removeStored } from "./stored.ts";
import type { Upload } from "./upload.ts";

/** Between two looks at what another server is doing, in milliseconds. */
const LOOK_MS = 250;
/** Who was asked for the claim, and let go, leaves it to whoever asked. */
const ASIDE_MS = 1000;

/**
 * Resolves when the upload is complete, whoever has published it.
 * @throws HoldfastError `upload_ended` where another server has ended it; what `publish` throws.
 */
export async function driveShared(
  context: Context,
  upload: Upload,
  publish: () => Promise<void>,
): Promise<void> {
  for (;;) {
    const met: Met = { leftMs: 0 };
    const waitMs = await publishOrWait(context, upload, publish, met);
    if (waitMs === undefined) return;
    // Each try is a commit: as long as the claim is another's only the record is read.
    const freeAt = context.clock.monotonic() + met.leftMs;
    const known = upload.record;
    do {
      await new Promise<void>((resolve) => context.clock.after(waitMs, resolve));
      if (context.isOverdue) throw new HoldfastError("shutting_down");
      await refresh(context, upload);
    } while (context.clock.monotonic() < freeAt && isAsBefore(upload.record, known));
  }
}

/** What was met where the claim was asked for. */
interface Met {
  /** How long it is another server's at least, unless that one lets it go. */
  leftMs: number;
}

function isAsBefore({ version, claim }: UploadRecord, before: UploadRecord): boolean {
  const isHeld = claim?.holder !== undefined && claim.token === before.claim?.token;
  return isHeld && claim.holder === before.claim?.holder && version === before.version;
}

/** Milliseconds until another look, or undefined once it is complete. */
async function publishOrWait(
  context: Context,
  upload: Upload,
  publish: () => Promise<void>,
  met: Met,
): Promise<number | undefined> {
  try {
    const onHeld = (leftMs: number) => {
      met.leftMs = leftMs;
    };
    if (!isDone(upload)) await ifClaimed(context, upload, needOf, publish, onHeld);
    return isDone(upload) ? undefined : LOOK_MS;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (error.code !== "claim_lost" && error.code !== "upload_not_open") throw error;
    // Another server may have brought it to its end while this one slept.
    await refresh(context, upload).finally(() => removeLeft(context, upload.record));
    if (isDone(upload)) return undefined;
    if (error.code === "claim_lost") return ASIDE_MS;
    throw error;
  }
}

/** A manifest that was written after another server had removed everything: nothing leads to it any more. */
async function removeLeft(context: Context, record: UploadRecord): Promise<void> {
  const { metadata } = context;
  const { id } = record;
  if ((await metadata.upload(id))?.hasBytes || (await metadata.file({ uploadId: id }))) return;
  await removeStored(context, record);
}

/** @throws HoldfastError `upload_ended` */
function isDone(upload: Upload): boolean {
  requireNotEnded(upload);
  return upload.record.state === "complete";
}

/** Appends at another server are ended; one that publishes is left alone. */
function needOf({ state }: UploadRecord): "wanted" | "free" | "none" {
  if (state === "open") return "wanted";
  return state === "completing" ? "free" : "none";
}
