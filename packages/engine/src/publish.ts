// Publishing: from `completing` to a visible file. Every step may be repeated, so that start-up can drive on what a crash interrupted.
import {
  encodeHex,
  fileId,
  HoldfastError,
  ID_BYTES,
  type Manifest,
  toHoldfastError,
  type UploadId,
} from "@holdfast/protocol";
import { assemble } from "./assemble.ts";
import { endClaims, requireNotEnded } from "./claims.ts";
import { type Context, doWork, UPLOAD_TTL_MS } from "./context.ts";
import { beginHealing, unsealed } from "./heal.ts";
import { healTwins } from "./heal-file.ts";
import { ifClaimed, ifFree, tokenOf } from "./host-claim.ts";
import type { OnHeld } from "./host-take.ts";
import { writeManifest } from "./manifest.ts";
import { needsProof, proveFile } from "./prove.ts";
import { driveShared } from "./publish-shared.ts";
import type { FileRecord } from "./records.ts";
import { rootOf } from "./root.ts";
import { sealBytes } from "./seal.ts";
import { requireAllParts, type Upload } from "./upload.ts";

/** What was checked and asked for when publishing was decided on. */
export interface Decision {
  /** That of the parts which were checked. */
  readonly epoch: number;
  /** Whole-file SHA-256 that the bytes must have. */
  readonly sha256?: Uint8Array;
}

/** Resolves when the upload is `complete`. However many ask, at however many servers, it is done once. */
export function driveToCompletion(
  context: Context,
  upload: Upload,
  decision: Decision = { epoch: upload.record.epoch },
): Promise<void> {
  if (upload.record.state === "complete") return Promise.resolve();
  const isShared = context.host !== undefined;
  const publishing = () => publishOnce(context, upload, decision);
  return isShared ? driveShared(context, upload, publishing) : publishing();
}

/** What was interrupted and nobody is at goes on. False where there is nothing to do, or another server does it. */
export function driveOn(context: Context, id: UploadId, onHeld?: OnHeld): Promise<boolean> {
  return doWork(context, () =>
    context.uploads.use(id, async (upload) => {
      const goOn = async () => {
        const { state, epoch } = upload.record;
        if (state !== "completing" || upload.publishing) return false;
        await publishOnce(context, upload, { epoch });
        return true;
      };
      return (await ifClaimed(context, upload, ifFree, goOn, onHeld)) ?? false;
    }),
  );
}

/** For all who ask this server. */
function publishOnce(context: Context, upload: Upload, decision: Decision): Promise<void> {
  upload.publishing ??= publish(context, upload, decision)
    .catch((cause: unknown) => {
      goOnLater(context, upload, cause);
      throw cause;
    })
    .finally(() => {
      delete upload.publishing;
    });
  return upload.publishing;
}

/** Milliseconds after which a final that met a fault is gone on with. */
const AGAIN_MS = 30_000;

/** The client of a final was told that it is there, and asks no more. One that gets nowhere for a day ends with a sweep. */
function goOnLater(context: Context, { record }: Upload, cause: unknown): void {
  const { id, role, state } = record;
  const { code } = toHoldfastError(cause);
  // The next start goes on, or another server.
  if (role?.kind !== "final" || state !== "completing") return;
  if (code === "shutting_down" || code === "claim_lost") return;
  if (context.waiting.has(id) || context.isDraining) return;
  context.log("error", "final.unfinished", { upload: id, cause });
  const callOff = context.clock.after(AGAIN_MS, () => {
    context.waiting.delete(id);
    // What goes wrong is told and tried again there.
    driveOn(context, id).catch(() => undefined);
  });
  context.waiting.set(id, callOff);
}

/** The same beside whoever asked, who may go while it goes on; a shutdown waits for it. */
export function driveAside(context: Context, id: UploadId, decision?: Decision): Promise<void> {
  return doWork(context, () =>
    context.uploads.use(id, (upload) => driveToCompletion(context, upload, decision)),
  );
}

/** The same, but of a proof only the beginning is waited for: afterwards the status tells. */
export async function driveAWhile(
  context: Context,
  upload: Upload,
  decision?: Decision,
): Promise<void> {
  const { role } = upload.record;
  if (role?.kind === "final") return aWhile(context, driveFinal(context, upload));
  const driving = driveAside(context, upload.record.id, decision);
  if (needsProof(upload, decision?.sha256)) await aWhile(context, driving);
  else await driving;
}

/** Clients ask for a final again and again, perhaps where another server is at it: they wait for the same. */
function driveFinal(context: Context, upload: Upload): Promise<void> {
  upload.driving ??= driveAside(context, upload.record.id).finally(() => {
    delete upload.driving;
  });
  return upload.driving;
}

/** Milliseconds that a complete waits for its proof; afterwards the status tells. */
const PATIENCE_MS = 500;

/** @throws what the work threw, if it ended in time. */
async function aWhile({ clock }: Context, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const callOff = clock.after(PATIENCE_MS, resolve);
  try {
    await Promise.race([work, promise]);
  } finally {
    callOff();
  }
}

async function publish(context: Context, upload: Upload, decision: Decision): Promise<void> {
  const { role, state } = upload.record;
  if (role?.kind === "partial") throw noFile();
  if (role && state === "completing") await assemble(context, upload, role.partials);
  await close(context, upload, decision);
  const { record } = upload;
  const root = await rootOf(context, upload);
  let proved: { readonly sha256?: Uint8Array };
  let stored: Pick<FileRecord, "manifestSize" | "manifestDigest">;
  try {
    await sealBytes(context, upload);
    const sha256 = await proveFile(context, upload);
    proved = sha256 ? { sha256 } : {};
    stored = await writeManifest(context, record, manifestOf(upload, root, proved));
  } catch (cause) {
    await giveUp(context, upload, cause);
    throw cause;
  }
  const file = fileOf(context, upload, root, { ...stored, ...proved });
  const outbox = {
    id: encodeHex(context.random.bytes(ID_BYTES)),
    kind: "upload.complete",
    fileId: file.id,
    at: file.createdAt,
  } as const;
  await context.metadata.apply({ kind: "publish", ...tokenOf(context, upload), file, outbox });
  const { error: _, tail: __, ...published } = unsealed(upload.record);
  const endedAt = file.createdAt;
  upload.record = { ...published, state: "complete", fileId: file.id, endedAt };
  healTwins(context, file);
}

function noFile(): HoldfastError {
  const message = "a partial is never a file by itself: finals are put together of partials";
  return new HoldfastError("upload_not_open", message, { state: "open", role: "partial" });
}

/** `open -> completing`, conditional on the parts being those that were checked; then nobody writes any more. */
async function close(context: Context, upload: Upload, decision: Decision): Promise<void> {
  // Healing may withdraw parts, and then this upload is open again with those missing.
  await upload.healing;
  requireNotEnded(upload);
  requireAllParts(upload);
  const { id, state } = upload.record;
  if (state === "open") {
    const { epoch, sha256 } = decision;
    const token = tokenOf(context, upload);
    const seal = { kind: "seal", id, ...token, epoch, ...(sha256 ? { sha256 } : {}) } as const;
    await context.metadata.apply(seal);
    const asked = sha256 ? { sealedSha256: sha256 } : {};
    upload.record = { ...upload.record, state: "completing", ...asked };
  }
  const why = new HoldfastError("upload_not_open", undefined, { state: "completing" });
  await endClaims(upload.claims, why);
}

/** What the file's manifest says. */
export function manifestOf(
  { record, digests }: Pick<Upload, "record" | "digests">,
  root: Uint8Array,
  proved: { readonly sha256?: Uint8Array },
): Manifest {
  // The time of the last commit: the manifest has the same bytes however often publishing is tried, so that no attempt can spoil what another one published.
  const completedAt = record.expiresAt - UPLOAD_TTL_MS;
  // Without a commit it has no bytes, or is of a version that knew parts only.
  const { createdAt, protocol = "parts" } = record;
  const provenance = { createdAt, completedAt, protocol };
  // What the record says of the whole is what was asked for, not what was proved.
  const { sha256: _, ...described } = record;
  return { ...described, ...proved, digests, root, provenance };
}

export function fileOf(
  context: Context,
  { record }: Pick<Upload, "record">,
  root: Uint8Array,
  stored: Pick<FileRecord, "manifest" | "manifestSize" | "manifestDigest" | "sha256">,
): FileRecord {
  const { tenant, principal, algorithm, size, partSize, name, type, place, home } = record;
  return {
    id: fileId(context.random.bytes(ID_BYTES)),
    uploadId: record.id,
    ...{ tenant, principal, algorithm, size, partSize, name, type, root },
    ...(place === undefined ? {} : { place }),
    ...(home === undefined ? {} : { home }),
    state: "available",
    ...stored,
    createdAt: context.clock.now(),
  };
}

/** Nothing was published: the upload goes on, or has failed by what it was created with. */
async function giveUp(context: Context, upload: Upload, cause: unknown): Promise<void> {
  const { code, message } = toHoldfastError(cause);
  // The next start goes on here, or another server; or an abort waits for this to end.
  if (code === "shutting_down" || code === "upload_ended" || code === "claim_lost") return;
  const error = { code, detail: message };
  const { id, state, sha256, role } = upload.record;
  if (state !== "open" && state !== "completing") return;
  // Its client has been told that it is there, and asks no more: it is gone on with until it is.
  if (role) {
    if (!HARMLESS.has(code)) beginHealing(context, upload, cause);
    return;
  }
  const token = tokenOf(context, upload);
  if (code === "file_digest_mismatch" && sha256) {
    const at = context.clock.now();
    await context.metadata.apply({ kind: "end", id, ...token, state: "failed", at, error });
    upload.record = { ...upload.record, state: "failed", endedAt: at, error };
    return;
  }
  try {
    await context.metadata.apply({ kind: "reopen", id, ...token, error });
    upload.record = { ...unsealed(upload.record), state: "open", error };
  } finally {
    // After anything but these, what is committed is proved first: they say already what the bytes are like. Where the record cannot be changed now too.
    if (!HARMLESS.has(code)) beginHealing(context, upload, cause);
  }
}

const HARMLESS: ReadonlySet<string> = new Set([
  "storage_full",
  "parts_missing",
  "file_digest_mismatch",
]);
