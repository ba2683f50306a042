// store-file: a whole file in one request. What fits a slot is stored in one step; anything else goes the way of an append to an upload of its own.
import {
  type CreateRequest,
  HoldfastError,
  isHoldfastError,
  type StoredFile,
  type UploadId,
} from "@holdfast/protocol";
import { endUpload } from "./abort.ts";
import { append } from "./append.ts";
import { bringAgain } from "./bring-again.ts";
import { authorize, type Context, doWork } from "./context.ts";
import { create, requireSize } from "./create.ts";
import type { StoreFile } from "./engine.ts";
import { listedFile } from "./list.ts";
import type { Body } from "./ports.ts";
import type { FileRecord, Principal } from "./records.ts";
import { SLOT_SIZE, type Slot } from "./slots.ts";
import { storeSmall } from "./store-small.ts";

/** Resolves when the file is visible and all of it survives a power cut. Where it rejects there is no file. */
export async function storeFile(
  context: Context,
  principal: Principal,
  command: StoreFile,
): Promise<StoredFile> {
  const file = await doWork(context, () => store(context, principal, command));
  return { ...listedFile(file), partSize: file.partSize, upload: file.uploadId };
}

async function store(
  context: Context,
  principal: Principal,
  command: StoreFile,
): Promise<FileRecord> {
  const { body, bodySize = 0 } = command;
  const request = requestOf(command);
  // An object store takes parts of small files too, and nothing else.
  if (bodySize > SLOT_SIZE || context.storage.kind === "parts") {
    return storeLarge(context, principal, request, command);
  }
  await authorize(context, principal, "create", principal, "upload_not_found");
  requireSize(request, principal.limits ?? {});
  await context.room.require();
  const hasBytes = await body.ready();
  const slot = hasBytes ? await context.crowd.take() : NO_SLOT;
  try {
    const { bytes, isAll } = await fillSlot(context, command, slot);
    if (isAll) {
      requireEnd(command, bytes);
      // The body may have taken its time.
      await authorize(context, principal, "create", principal, "upload_not_found");
      const file = await storeSmall(context, principal, request, { ...command, bytes });
      if (file) return file;
    }
    const rest = continued(bytes.slice(), body);
    return storeLarge(context, principal, request, { ...command, body: rest });
  } finally {
    if (hasBytes) context.slots.give(slot);
  }
}

const NO_SLOT: Slot = { memory: new Uint8Array() };

function requestOf({ name, type, metadata = new Map(), bodySize: size }: StoreFile): CreateRequest {
  const request = { name, type, metadata, digest: "sha-256" } as const;
  return size === undefined ? request : { ...request, size };
}

interface Beginning {
  readonly bytes: Uint8Array;
  /** Whether that was all of the body, or all that will ever come of it. */
  readonly isAll: boolean;
}

/** Takes the beginning of a body. One that is slow while others wait for memory gives the slot back with what it has. */
async function fillSlot(
  { crowd }: Context,
  { body, bodySize = SLOT_SIZE }: StoreFile,
  { memory }: Slot,
): Promise<Beginning> {
  let isAsked = false;
  const endFilling = crowd.filling(() => {
    isAsked = true;
    body.interrupt();
  });
  const size = await body.fill(memory.subarray(0, bodySize));
  endFilling();
  const bytes = memory.subarray(0, size);
  if (body.isExact && size === bodySize) return { bytes, isAll: true };
  return { bytes, isAll: size < Math.min(bodySize, memory.length + 1) && !isAsked };
}

/** @throws HoldfastError why the body was stopped; `body_size_mismatch` */
function requireEnd({ body, bodySize }: StoreFile, { length }: Uint8Array): void {
  const why = body.stopped();
  if (why) throw why;
  if (bodySize === undefined || length === bodySize) return;
  throw new HoldfastError("body_size_mismatch", `the body ended before its ${bodySize} bytes`);
}

/** A body whose first bytes have been taken already. */
function continued(first: Uint8Array, body: Body): Body {
  let rest = first;
  return {
    ...body,
    ready: () => (rest.length > 0 ? Promise.resolve(true) : body.ready()),
    async fill(into) {
      const taken = rest.subarray(0, into.length);
      into.set(taken);
      rest = rest.subarray(taken.length);
      if (taken.length === into.length) return taken.length;
      return taken.length + (await body.fill(into.subarray(taken.length)));
    },
  };
}

/** Nobody learns the upload's id: only a key leads back to it. Without one it goes with the request. */
async function storeLarge(
  context: Context,
  principal: Principal,
  request: CreateRequest,
  command: StoreFile,
): Promise<FileRecord> {
  const { bodySize, digest, key, transfer } = command;
  const { id, state } = await create(context, principal, request, { key, protocol: "file" });
  const again = state === "complete" ? await bringAgain(context, id, command) : undefined;
  const { body } = again ?? command;
  try {
    await append(context, principal, {
      ...{ id, body, at: "start", isLast: true },
      ...(bodySize === undefined ? {} : { bodySize }),
      ...(digest ? { sha256: digest } : {}),
      ...(transfer === undefined ? {} : { transfer }),
    });
  } catch (error) {
    if (key === undefined || isWrong(error)) await discard(context, id);
    throw error;
  }
  const file = await context.uploads.use(id, async ({ record: { fileId } }) => {
    const file = fileId && (await context.metadata.file(fileId));
    if (!file) throw new HoldfastError("file_not_found");
    return file;
  });
  await again?.heal(file);
  return file;
}

/** What came is not what was announced: to go on with it would never end well. */
function isWrong(error: unknown): boolean {
  return isHoldfastError(error) && error.code === "digest_mismatch";
}

async function discard(context: Context, id: UploadId): Promise<void> {
  try {
    await context.uploads.use(id, (upload) => endUpload(context, upload));
  } catch (cause) {
    // It expires, and the sweep takes it.
    context.log("warn", "upload.left", { upload: id, cause });
  }
}
