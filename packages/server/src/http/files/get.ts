// GET, HEAD /v1/files/{id}: the bytes of a file, whole or in ranges.
import type { FileRecord, Outlet } from "@holdfast/engine";
import { type ByteRange, encodeContentRange, encodeHex } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Headers, type Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import { requireStanding } from "../signed/read-link.ts";
import { byterangesOf } from "./byteranges.ts";
import { wantedDigests } from "./digests.ts";
import { handedOver } from "./hand-over.ts";
import { type Audience, entityTag, fileHeaders, safeType, validators } from "./headers.ts";
import { isNotModified, wantedRanges } from "./preconditions.ts";
import { redirected } from "./redirect.ts";
import { type StillMay, whileAllowed, whoMayRead } from "./while-allowed.ts";

export async function getFile(front: Front, call: Call): Promise<Reply> {
  return contentReply(front, call.request, await findFor(front, call));
}

/** A file that somebody may read. */
export interface Readable {
  readonly file: FileRecord;
  readonly audience: Audience;
  readonly stillMay: StillMay;
}

/** For who has a right to it, or a link that stands. @throws HoldfastError `file_not_found`, `signature_refused`, what the policy throws */
export async function findFor(front: Front, call: Call): Promise<Readable> {
  const { principal, params, link } = call;
  const [id = ""] = params;
  const find = async () => {
    const file = await front.engine.file(principal, id);
    if (link) requireStanding(link, file.notes?.revoked);
    return file;
  };
  const stillMay = whoMayRead(front, call, async () => void (await find()));
  return { file: await find(), audience: "asker", stillMay };
}

export async function contentReply(
  front: Front,
  request: Request,
  { file, audience, stillMay }: Readable,
): Promise<Reply> {
  const { engine, clock, random } = front;
  const etag = entityTag(file.root);
  const is = { etag, modifiedAt: file.createdAt };
  const now = clock.now();
  if (isNotModified(request, is, now))
    return emptyReply(304, validators(etag, file.createdAt, audience));
  // RFC 9110 section 14.2: ranges are defined for GET only.
  const ranges = request.method === "GET" ? wantedRanges(request, file.size, is, now) : undefined;
  const [first = { start: 0, end: file.size }] = ranges ?? [];
  // A client that got a part which did not have its digest asks so: was it the store, or the way?
  const how = request.header("holdfast-verify") === "?1" ? "verified" : "as-stored";
  if (request.method === "GET") await engine.checkRead(file, first, how);
  const read = (range: ByteRange) => engine.read(file, range, how);
  const stream = (
    size: number,
    open: (outlet?: Outlet) => AsyncGenerator<Uint8Array, void, void>,
  ): Reply["content"] => ({
    kind: "stream",
    size,
    open: (_, outlet) => whileAllowed(front, stillMay, open(outlet)),
  });
  if (ranges && ranges.length > 1) {
    const type = safeType(file.type);
    const several = byterangesOf(ranges, { size: file.size, type }, encodeHex(random.bytes(16)));
    return {
      status: 206,
      headers: { ...fileHeaders(file, audience), "content-type": several.type },
      content: stream(several.size, () => several.pieces(read)),
    };
  }
  const [range] = ranges ?? [];
  const readable = { file, audience, stillMay };
  const led = await redirected(front, request, readable, range !== undefined);
  if (led) return led;
  const elsewhere = await handedOver(front, request, file, ranges);
  if (elsewhere) {
    // Whoever sends it says that it has ranges.
    const { "accept-ranges": _, ...headers } = fileHeaders(file, audience);
    return emptyReply(200, { ...headers, ...elsewhere });
  }
  const sent = range ?? { start: 0, end: file.size };
  const digests = await wantedDigests(front, request, file, sent);
  return {
    status: range ? 206 : 200,
    headers: { ...fileHeaders(file, audience), ...rangeHeaders(file, range), ...digests },
    content: stream(sent.end - sent.start, (outlet) => engine.read(file, sent, how, outlet)),
  };
}

function rangeHeaders(file: FileRecord, range: ByteRange | undefined): Headers {
  return range ? { "content-range": encodeContentRange(range, file.size) } : {};
}
