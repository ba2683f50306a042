// GET, HEAD /v1/uploads/{id}/content: what is committed of an upload before it is a file; with `follow=1` what still comes, as it comes.
import { handOn, type Pieces, type UploadContent } from "@holdfast/engine";
import { entityTag, safeHeaders } from "../files/headers.ts";
import { isNotModified } from "../files/preconditions.ts";
import { whileAllowed, whoMayRead } from "../files/while-allowed.ts";
import type { Handler } from "../front.ts";
import { emptyReply, type Headers, type Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import { requireStanding } from "../signed/read-link.ts";
import { type Mode, type WantedContent, wantedContent } from "./content-range.ts";

export const getContent: Handler = async (front, call): Promise<Reply> => {
  const { engine } = front;
  const { request, params, principal, link } = call;
  const [id = ""] = params;
  const find = async () => {
    const found = await engine.content(principal, id);
    if (link) requireStanding(link, found.revoked);
    return found;
  };
  const content = await find();
  const etag = entityTag(content.tag);
  // Until it is whole it has no date, and nobody has it already.
  const modifiedAt = content.file?.at ?? Number.NaN;
  const isSame = isNotModified(request, { etag, modifiedAt }, front.clock.now());
  if (isSame && content.file) return emptyReply(304, headersOf(content, etag));
  const mode = request.query.get("follow") === "1" ? "growing" : "snapshot";
  const wanted = wantedContent(content, rangeOf(request, etag), mode);
  return {
    status: wanted.contentRange === undefined ? 200 : 206,
    headers: {
      ...headersOf(content, isSnapshot(content, wanted, mode) ? undefined : etag),
      ...(wanted.contentRange === undefined ? {} : { "content-range": wanted.contentRange }),
      ...(mode === "growing" ? GROWING : {}),
      // Players take that as leave to look at its end first, which is not there.
      ...(mode === "growing" && !content.file ? {} : { "accept-ranges": "bytes" }),
    },
    content: {
      kind: "stream",
      size: wanted.size,
      open(gone, outlet) {
        const pieces = engine.readContent(content, wanted.range, gone, outlet);
        const stillMay = whoMayRead(front, call, async () => void (await find()));
        return whileAllowed(front, stillMay, wanted.size === undefined ? atOnce(pieces) : pieces);
      },
    },
  };
};

/** nginx would keep what comes until its buffer is full. */
const GROWING: Headers = { "x-accel-buffering": "no" };

/** All that there is now, which is no part of anything: another one is longer, so that nothing can stand for both. */
function isSnapshot({ file }: UploadContent, { contentRange }: WantedContent, mode: Mode): boolean {
  return !file && contentRange === undefined && mode === "snapshot";
}

/** A range under an If-Range that does not fit is no range. RFC 9110 section 14.2: ranges are defined for GET only. */
function rangeOf(request: Request, etag: string): string | undefined {
  if (request.method !== "GET") return undefined;
  return (request.header("if-range") ?? etag) === etag ? request.header("range") : undefined;
}

function headersOf(content: UploadContent, etag: string | undefined): Headers {
  const { offset, size, file } = content;
  return {
    ...safeHeaders(content),
    ...(etag === undefined ? {} : { etag }),
    "upload-offset": String(offset),
    "upload-complete": file ? "?1" : "?0",
    ...(size === undefined ? {} : { "upload-length": String(size) }),
    ...(file ? { "content-location": `/v1/files/${file.id}` } : {}),
    ...(file ? { "last-modified": new Date(file.at).toUTCString() } : {}),
  };
}

/** The head of the answer goes out before there is a byte: whoever follows sees that it does. */
function atOnce(pieces: Pieces): Pieces {
  let isFirst = true;
  return handOn(pieces, () => {
    if (!isFirst) return pieces.next();
    isFirst = false;
    return Promise.resolve({ done: false, value: new Uint8Array() });
  });
}
