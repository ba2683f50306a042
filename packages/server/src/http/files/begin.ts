// The beginning of an upload that can be resumed (Resumable Uploads for HTTP, upload creation): with all of its bytes, some or none.
import {
  type BeginHead,
  type CreateRequest,
  decodeDisposition,
  encodeUpload,
  findDigest,
  HoldfastError,
  isHoldfastError,
  type SpokenVersion,
  UPLOAD_LIFE_MS,
  wantsDigest,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import { bodyOf, isExcess } from "../uploads/append.ts";
import { progressOf, UPLOAD_RESUMPTION_SUPPORTED } from "../uploads/progress.ts";
import { completeReply, storedReply } from "./complete-reply.ts";
import { describedBy, keyOf } from "./described.ts";
import { storeWhole } from "./store.ts";

/** Unlike a plain POST: no page of another site can send an Upload-Complete without asking first. */
const UNNAMED = "unnamed";

interface Beginning {
  readonly version: SpokenVersion;
  readonly begin: BeginHead;
}

export async function beginUpload(
  front: Front,
  call: Call,
  { version, begin }: Beginning,
): Promise<Reply> {
  const { codec, stamp } = version;
  const { request, principal } = call;
  const inform = stamp && request.inform;
  // Who cannot be told where to go on before the end has nothing of an upload but its cost.
  const isWanted = wantsDigest(request.header("want-repr-digest"), "sha-256");
  const isWhole = begin.isLast && !inform && !isWanted;
  const body = bodyOf(request);
  // Whether a body is as long as it should be, of which only its end tells, an upload knows.
  const isKnown = begin.size === undefined || body.bodySize !== undefined;
  if (isWhole && isKnown) {
    return storedReply(await storeWhole(front, call, nameOf(request)), version);
  }
  const { key } = keyOf(request);
  const { id, size: maxSize } = await front.engine.create(
    principal,
    requestOf(request, begin),
    key,
  );
  const url = `/v1/uploads/${id}`;
  const limits = codec.limitFields({ maxSize, lifeMs: UPLOAD_LIFE_MS });
  inform?.(UPLOAD_RESUMPTION_SUPPORTED, { location: url, ...limits, ...stamp });
  try {
    const ends = await front.engine.append(principal, {
      ...{ id, at: "start", ...begin, ...body },
      ...progressOf(front, request, version),
    });
    if (begin.isLast) return await completeReply(front, principal, { id, version, ends });
    const view = encodeUpload(await front.engine.status(principal, id));
    const fields = codec.begunFields(url, ends, front.clock.now());
    return jsonReply(201, view, { ...fields, ...stamp });
  } catch (error) {
    const isUnknown = !inform && key === undefined && (isWhole || isCut(error));
    const isOver = codec.isEndedByExcess && isExcess(error);
    if (isUnknown || isOver) await front.engine.abort(principal, id);
    throw isWhole || isOver ? error : withUpload(error, url);
  }
}

/** An empty upload has no size before it is complete: with one it would be a file at once. */
function requestOf(request: Request, { size }: BeginHead): CreateRequest {
  const sha256 = findDigest(request.header("repr-digest"), "sha-256");
  const isWanted = wantsDigest(request.header("want-repr-digest"), "sha-256");
  return {
    ...{ name: nameOf(request), ...describedBy(request), digest: "sha-256" },
    ...(size === undefined || size === 0 ? {} : { size }),
    ...(sha256 ? { sha256 } : {}),
    // Only what was read back from the medium is told.
    ...(isWanted ? { verify: "readback" as const } : {}),
  };
}

function nameOf({ header }: Request): string {
  const field = header("content-disposition");
  return field === undefined ? UNNAMED : decodeDisposition(field);
}

/** Nobody is there any more who could be told where the upload is. */
function isCut(error: unknown): boolean {
  return isHoldfastError(error) && error.code === "body_size_mismatch";
}

function withUpload(error: unknown, upload: string): unknown {
  if (!isHoldfastError(error)) return error;
  const { code, message, details, cause } = error;
  return new HoldfastError(code, message, { ...details, upload }, cause);
}
