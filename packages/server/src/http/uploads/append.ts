// PATCH /v1/uploads/{id}: appends bytes at the upload's offset.
import type { Append } from "@holdfast/engine";
import { decodeClient, findDigest, isHoldfastError, spokenVersion } from "@holdfast/protocol";
import { completeReply } from "../files/complete-reply.ts";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";
import { type Request, requireIdentity } from "../request.ts";
import { progressOf } from "./progress.ts";

export async function appendUpload(front: Front, call: Call): Promise<Reply> {
  const { engine } = front;
  const { request, params, principal } = call;
  const [id = ""] = params;
  requireIdentity(request);
  const version = spokenVersion(request.header);
  const { codec, stamp } = version;
  const head = codec.decodeAppend(request.header, request.body.size);
  try {
    const ends = await engine.append(principal, {
      ...{ id, ...head, ...bodyOf(request) },
      ...progressOf(front, request, version),
    });
    if (head.isLast) return await completeReply(front, principal, { id, version, ends });
    const fields = codec.offsetFields(ends, front.clock.now());
    return emptyReply(codec.appendedStatus, { ...fields, ...stamp });
  } catch (error) {
    if (codec.isEndedByExcess && isExcess(error)) await engine.abort(principal, id);
    throw error;
  }
}

/** What of an append is the body's. */
export function bodyOf({ body, header }: Request): Pick<Append, "body" | "bodySize" | "digest"> {
  const digest = findDigest(header("content-digest"), "sha-256");
  return {
    body,
    ...(body.size === undefined ? {} : { bodySize: body.size }),
    ...(digest ? { digest } : {}),
    ...decodeClient(header("holdfast-client")),
  };
}

/** More bytes came than the upload was said to have: nobody knows which of them are its own (draft -12 section 4.4.2). */
export function isExcess(error: unknown): boolean {
  return isHoldfastError(error) && error.details["isExceeded"] === true;
}
