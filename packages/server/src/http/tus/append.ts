// PATCH /tus/{id}: bytes at the offset. With the last one the upload becomes a file.
import type { BodyCheck, ToldOffset } from "@holdfast/engine";
import {
  decodeClient,
  decodeTusAppend,
  HoldfastError,
  isHoldfastError,
  type TusAppend,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";
import { type Request, requireIdentity } from "../request.ts";
import { checkOf } from "./checksum.ts";
import { toldHeaders } from "./told.ts";

export async function appendTus(front: Front, call: Call): Promise<Reply> {
  const { request, params } = call;
  const [id = ""] = params;
  const head = decodeTusAppend(request.header);
  const told = await appendBody(front, call, { ...head, id, check: checkOf(request) });
  return emptyReply(204, toldHeaders(told));
}

/** What is appended. */
interface Wanted extends TusAppend {
  readonly id: string;
  readonly check: BodyCheck | undefined;
}

/** @throws HoldfastError as the engine's `append` does, in the words of tus: what is too long is `size_too_large`, another length `invalid_request`. */
export async function appendBody(
  { engine }: Front,
  { request, principal }: Pick<Call, "request" | "principal">,
  wanted: Wanted,
): Promise<ToldOffset> {
  requireIdentity(request);
  const { id, at, size, check } = wanted;
  const { body } = request;
  try {
    return await engine.append(principal, {
      ...{ id, body, at, isLast: false, completes: "at-size" },
      ...(size === undefined ? {} : { size }),
      ...(body.size === undefined ? {} : { bodySize: body.size }),
      ...(check ? { check } : {}),
      ...decodeClient(request.header("holdfast-client")),
    });
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (error.code === "size_mismatch") throw sizeRefusal(error, wanted);
    if (!isOver(error)) throw error;
    return atEnd(await engine.offset(principal, id), request, wanted);
  }
}

function sizeRefusal({ message, details }: HoldfastError, { size }: TusAppend): HoldfastError {
  const known = details["size"];
  const isAnother = size !== undefined && size !== known;
  if (!isAnother && typeof known === "number") return tooLong(known);
  return new HoldfastError("invalid_request", message, { ...details, field: "upload-length" });
}

/** Its last byte is there already; a final never takes any. */
function isOver({ code, details }: HoldfastError): boolean {
  const isDone = details["state"] === "complete" || details["state"] === "completing";
  return code === "upload_not_open" && isDone && details["role"] === undefined;
}

/** To append nothing to it, once more, is what a client does that has not heard the answer. */
async function atEnd(
  told: ToldOffset,
  { body }: Request,
  { at, size }: Wanted,
): Promise<ToldOffset> {
  const { offset } = told;
  if (size !== undefined && size !== told.size) throw sizeRefusal(tooLong(offset), { at, size });
  if (at !== offset) {
    throw new HoldfastError("offset_mismatch", `the upload ends at ${offset}`, { offset });
  }
  if (await body.ready()) throw tooLong(offset);
  return told;
}

function tooLong(size: number): HoldfastError {
  return new HoldfastError("size_too_large", `the upload has ${size} bytes`, { limit: size });
}
