// What every verb works with: the ports, the uploads in memory, and whether there is still work to be taken on.
import {
  type FileId,
  HoldfastError,
  isHoldfastError,
  isUploadId,
  UPLOAD_LIFE_MS,
  type UploadId,
} from "@holdfast/protocol";
import { type Crowd, createCrowd } from "./crowd.ts";
import type { Found } from "./damage.ts";
import type { EngineParts } from "./engine.ts";
import { healIfGone } from "./heal.ts";
import type { ManifestMending } from "./heal-manifest.ts";
import type { Action } from "./ports.ts";
import type { Subtrees } from "./proof.ts";
import type { Principal } from "./records.ts";
import { refresh } from "./refresh.ts";
import { createRoom, type Room } from "./room.ts";
import { createPasses, type Passes } from "./sweep-objects.ts";
import { createUploads, type Upload, type Uploads } from "./upload.ts";

/** Milliseconds an open upload lives after its last commit. */
export const UPLOAD_TTL_MS: number = UPLOAD_LIFE_MS;

export interface Context extends EngineParts {
  readonly uploads: Uploads;
  readonly crowd: Crowd;
  readonly room: Room;
  /** Of files that a part was proved of lately, the one used last at the end. */
  readonly subtrees: Map<FileId, Promise<Subtrees>>;
  /** What the last looks at parts of files have found, or will; what was asked for last stands at the end. */
  readonly sound: Map<string, Promise<Found>>;
  readonly passes: Passes;
  /** Files whose stored bytes are being mended. */
  readonly healing: Map<FileId, Promise<void>>;
  readonly manifests: ManifestMending;
  /** Finals that are gone on with after a while; what calls that off. */
  readonly waiting: Map<UploadId, () => void>;
  /** Set once, when the server is told to stop. */
  isDraining: boolean;
  /** Set once, when bodies in flight are stopped: from then on nobody begins to read one. */
  isOverdue: boolean;
  /** Verbs under way that may change something, and claims that are being let go. */
  readonly work: Set<Promise<unknown>>;
}

export function createContext(parts: EngineParts): Context {
  const context: Context = {
    ...parts,
    uploads: createUploads(parts.metadata, {
      onLoad: (upload) => healIfGone(context, upload),
      ...(parts.host === undefined ? {} : { onReuse: (upload) => refresh(context, upload) }),
    }),
    crowd: createCrowd(parts),
    room: createRoom(parts),
    subtrees: new Map(),
    sound: new Map(),
    waiting: new Map(),
    passes: createPasses(),
    healing: new Map(),
    manifests: { running: new Set(), tried: new Map() },
    isDraining: false,
    isOverdue: false,
    work: new Set(),
  };
  return context;
}

/**
 * Runs a verb that may change something, so that a shutdown can wait for it.
 * @throws HoldfastError `shutting_down` once draining has begun.
 */
export async function doWork<T>(context: Context, verb: () => Promise<T>): Promise<T> {
  if (context.isDraining) throw new HoldfastError("shutting_down");
  const running = verb();
  context.work.add(running);
  try {
    return await running;
  } catch (error) {
    throw endedOr(error);
  } finally {
    context.work.delete(running);
  }
}

/** A verb that an abort overtook learns that the upload has ended, not that it takes nothing just now. */
function endedOr(error: unknown): unknown {
  if (!isHoldfastError(error) || error.code !== "upload_not_open") return error;
  const { state } = error.details;
  const isEnded = state === "aborted" || state === "expired" || state === "failed";
  return isEnded ? new HoldfastError("upload_ended", undefined, { state }) : error;
}

/**
 * Runs `work` with an upload of the principal's tenant that it may act on.
 *
 * Another tenant's upload costs what an unknown one costs, one read of one record, whether it is in memory or not: nothing tells them apart.
 * @throws HoldfastError `upload_not_found`, or what the policy throws.
 */
export async function useUpload<T>(
  context: Context,
  principal: Principal,
  action: Action,
  id: string,
  work: (upload: Upload) => Promise<T>,
): Promise<T> {
  const { metadata, uploads } = context;
  if (!isUploadId(id)) throw new HoldfastError("upload_not_found");
  const known = uploads.held(id)?.record;
  if (known?.tenant !== principal.tenant) {
    const record = await metadata.upload(id);
    if (record?.tenant !== principal.tenant) throw new HoldfastError("upload_not_found");
  }
  return uploads.use(id, async (upload) => {
    await context.policy.decide(principal, action, upload.record);
    return work(upload);
  });
}

/**
 * Asks whether the principal may do this to a record. What belongs to another tenant does not exist.
 * @throws HoldfastError `absent`, or what the policy throws.
 */
export async function authorize(
  context: Context,
  principal: Principal,
  action: Action,
  record: { readonly tenant: string },
  absent: "upload_not_found" | "file_not_found",
): Promise<void> {
  if (record.tenant !== principal.tenant) throw new HoldfastError(absent);
  await context.policy.decide(principal, action, record);
}
