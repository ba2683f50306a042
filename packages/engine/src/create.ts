// create: records a new upload. Its bytes get a home with the first part.
import {
  type CreateRequest,
  choosePartSize,
  encodeCreate,
  HoldfastError,
  ID_BYTES,
  type Json,
  PART_SIZE_DEFAULT,
  SIZE_MAX,
  type UploadView,
  uploadId,
} from "@holdfast/protocol";
import { authorize, type Context, doWork, UPLOAD_TTL_MS } from "./context.ts";
import { applyOnce, createKey, findMade } from "./create-key.ts";
import { driveToCompletion } from "./publish.ts";
import type { Limits, Principal, Protocol, Role, UploadRecord } from "./records.ts";
import { viewOf } from "./status.ts";
import type { Upload } from "./upload.ts";

export function create(
  context: Context,
  principal: Principal,
  request: CreateRequest,
  begun: Begun = {},
): Promise<UploadView> {
  return doWork(context, async () => {
    await authorize(context, principal, "create", principal, "upload_not_found");
    const { limits = {} } = principal;
    requireAlgorithm(context, request);
    requireSize(request, limits);
    const upload = await placed(context, request, newRecord(context, principal, request, begun));
    // A repetition begins nothing, and needs no room.
    if (!(await findMade(context, upload))) await context.room.require();
    const { id, size, hasSize } = await applyOnce(context, { kind: "create", upload, limits });
    return context.uploads.use(id, async (upload) => {
      // Nothing is missing from an empty file: it was created in state `completing`.
      if (hasSize && size === 0) await finishEmpty(context, upload);
      return viewOf(context, upload);
    });
  });
}

/** A repetition may find it at any stage that an upload can be in. */
async function finishEmpty(context: Context, upload: Upload): Promise<void> {
  if (upload.record.state === "completing") await driveToCompletion(context, upload);
}

/** @throws HoldfastError `digest_unsupported` */
function requireAlgorithm({ digests, storage }: Context, { digest }: CreateRequest): void {
  // It is the only digest that object stores hold a part to.
  const algorithms = storage.kind === "parts" ? (["sha-256"] as const) : digests.algorithms;
  if (algorithms.some((known) => known === digest)) return;
  const message = `part digests may be ${algorithms.join(" or ")} here`;
  throw new HoldfastError("digest_unsupported", message, { algorithms });
}

/** @throws HoldfastError `size_too_large` */
export function requireSize(
  { size = 0, maxSize = 0 }: CreateRequest,
  { sizeMax: limit }: Limits,
): void {
  if (limit === undefined || Math.max(size, maxSize) <= limit) return;
  throw new HoldfastError("size_too_large", `an upload of yours may have at most ${limit} bytes`, {
    limit,
  });
}

/** What an upload of unknown size may become: what was asked for, at most what the principal may have and what a grid of such parts can hold, in bytes. */
function maxSizeOf(
  context: Context,
  { limits: { sizeMax: allowed = SIZE_MAX } = {} }: Principal,
  { maxSize = SIZE_MAX, partSize = PART_SIZE_DEFAULT }: CreateRequest,
): number {
  const { partCountMax, partSizeMin, sizeMax } = context.storage.limits;
  if (maxSize !== SIZE_MAX) return Math.min(maxSize, allowed);
  return Math.min(allowed, sizeMax, partCountMax * Math.max(partSize, partSizeMin));
}

/** The most that an upload may have whose size is told with its creation, in bytes: a number that header fields can carry (RFC 9651 section 3.3.1). */
export function sizeMax({ storage }: Context, { limits = {} }: Principal): number {
  const { sizeMax: most, partSizeMax, partCountMax } = storage.limits;
  const allowed = limits.sizeMax ?? SIZE_MAX;
  return Math.min(allowed, most, partSizeMax * partCountMax, 999_999_999_999_999);
}

/** What an upload is begun with, besides what it will be. */
interface Begun {
  /** As it came with the request. */
  readonly key?: string | undefined;
  /** Where that is known before the first byte. */
  readonly protocol?: Protocol;
  readonly role?: Role;
  readonly note?: string;
}

export function newRecord(
  context: Context,
  principal: Principal,
  request: CreateRequest,
  { key, protocol, role, note }: Begun,
): UploadRecord {
  const createdAt = context.clock.now();
  const size = request.size ?? maxSizeOf(context, principal, request);
  const { storage } = context;
  const home = storage.kind === "parts" ? storage.homeOf(principal.tenant) : undefined;
  return {
    id: uploadId(context.random.bytes(ID_BYTES)),
    tenant: principal.tenant,
    principal: principal.id,
    state: beginsWhole(request, role) ? "completing" : "open",
    algorithm: request.digest,
    name: request.name,
    type: request.type,
    metadata: request.metadata,
    size,
    partSize: choosePartSize(size, storage.limits, request.partSize),
    hasSize: request.size !== undefined,
    hasToldOffset: false,
    verify: request.verify ?? "parts",
    ...(protocol ? { protocol } : {}),
    ...(role ? { role } : {}),
    ...(note === undefined ? {} : { note }),
    ...(home === undefined ? {} : { home }),
    ...(request.sha256 ? { sha256: request.sha256 } : {}),
    ...(key === undefined ? {} : { key: createKey(context, key, describeRequest(request)) }),
    createdAt,
    expiresAt: createdAt + UPLOAD_TTL_MS,
    epoch: 0,
    version: 0,
    hasBytes: true,
  };
}

/** What is to be read while it grows goes where parts can be read: that is settled before the first one. */
async function placed(
  { storage }: Context,
  { live }: CreateRequest,
  record: UploadRecord,
): Promise<UploadRecord> {
  const { id, type, home, state } = record;
  if (!live || storage.kind === "regions" || state !== "open") return record;
  return { ...record, place: await storage.begin(id, type, home, "staged") };
}

/** Nothing is missing from an empty file, nor from one whose bytes are all there in others. */
function beginsWhole({ size }: CreateRequest, role: Role | undefined): boolean {
  return role ? role.kind === "final" : size === 0;
}

/** All of it, as it goes over the wire: whatever a request may say some day tells two of them apart. */
function describeRequest(request: CreateRequest): Json {
  const create: Json = JSON.parse(JSON.stringify(encodeCreate(request)));
  return { create };
}
