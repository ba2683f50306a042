// A whole file in one request: there all at once, or not at all.
import {
  decodeClient,
  decodeDigest,
  decodeDisposition,
  encodeStoredFile,
  equalBytes,
  HoldfastError,
  type StoredFile,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import { describedBy, keyOf } from "./described.ts";

export async function storeFile(front: Front, call: Call): Promise<Reply> {
  const name = decodeDisposition(call.request.header("content-disposition"));
  const file = await storeWhole(front, call, name);
  return jsonReply(201, encodeStoredFile(file), { location: file.url });
}

export function storeWhole(
  { engine }: Front,
  { request, principal }: Call,
  name: string,
): Promise<StoredFile> {
  const { body } = request;
  return engine.storeFile(principal, {
    ...{ name, ...describedBy(request), body },
    ...(body.size === undefined ? {} : { bodySize: body.size }),
    ...digestOf(request),
    ...keyOf(request),
    ...decodeClient(request.header("holdfast-client")),
  });
}

/** Without a content-encoding both fields are about the same bytes. */
function digestOf({ header }: Request): { readonly digest?: Uint8Array } {
  const fields = [header("repr-digest"), header("content-digest")];
  const [digest, other] = fields.flatMap((field) =>
    field === undefined ? [] : [decodeDigest(field, "sha-256")],
  );
  if (digest && other && !equalBytes(digest, other)) {
    throw new HoldfastError("invalid_digest", "repr-digest and content-digest differ");
  }
  return digest ? { digest } : {};
}
