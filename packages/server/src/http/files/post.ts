// POST /v1/files: a whole file in one request, or the beginning of an upload that can be resumed.
import { spokenVersion } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import type { Reply } from "../reply.ts";
import { requireIdentity } from "../request.ts";
import { beginUpload } from "./begin.ts";
import { storeFile } from "./store.ts";

export async function postFile(front: Front, call: Call): Promise<Reply> {
  const { request } = call;
  const version = spokenVersion(request.header);
  const begin = version.codec.decodeBegin(request.header, request.body.size);
  if (begin) return beginUpload(front, call, { version, begin });
  requireIdentity(request);
  return storeFile(front, call);
}
