// GET, HEAD /v1/files/{id}: the bytes of a file, whole or one range of them.
import { encodeContentRange } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";
import { entityTag, fileHeaders } from "./headers.ts";
import { isNotModified, wantedRange } from "./preconditions.ts";
import { whileAllowed } from "./while-allowed.ts";

export async function getFile(front: Front, { request, params, principal }: Call): Promise<Reply> {
  const { engine } = front;
  const [id = ""] = params;
  const file = await engine.file(principal, id);
  const headers = fileHeaders(file);
  const validators = { etag: entityTag(file.root), modifiedAt: file.createdAt };
  if (isNotModified(request, validators)) return emptyReply(304, headers);
  // RFC 9110 section 14.2: ranges are defined for GET only.
  const range = request.method === "GET" ? wantedRange(request, file.size, validators) : undefined;
  const { start, end } = range ?? { start: 0, end: file.size };
  return {
    status: range ? 206 : 200,
    headers: range
      ? { ...headers, "content-range": encodeContentRange(range, file.size) }
      : headers,
    content: {
      kind: "stream",
      size: end - start,
      open: () => whileAllowed(front, principal, engine.read(file, { start, end })),
    },
  };
}
