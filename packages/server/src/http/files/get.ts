// GET, HEAD /v1/files/{id}: the bytes of a file, whole or in ranges.
import type { FileRecord } from "@holdfast/engine";
import { type ByteRange, encodeContentRange, encodeHex } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Headers, type Reply } from "../reply.ts";
import { byterangesOf } from "./byteranges.ts";
import { wantedDigests } from "./digests.ts";
import { entityTag, fileHeaders, safeType, validators } from "./headers.ts";
import { isNotModified, wantedRanges } from "./preconditions.ts";
import { whileAllowed } from "./while-allowed.ts";

export async function getFile(front: Front, { request, params, principal }: Call): Promise<Reply> {
  const { engine, clock, random } = front;
  const [id = ""] = params;
  const file = await engine.file(principal, id);
  const etag = entityTag(file.root);
  const is = { etag, modifiedAt: file.createdAt };
  const now = clock.now();
  if (isNotModified(request, is, now)) return emptyReply(304, validators(etag, file.createdAt));
  // RFC 9110 section 14.2: ranges are defined for GET only.
  const ranges = request.method === "GET" ? wantedRanges(request, file.size, is, now) : undefined;
  const [first = { start: 0, end: file.size }] = ranges ?? [];
  if (request.method === "GET") await engine.checkRead(file, first);
  const read = (range: ByteRange) => engine.read(file, range);
  const stream = (
    size: number,
    open: () => AsyncGenerator<Uint8Array, void, void>,
  ): Reply["content"] => ({
    kind: "stream",
    size,
    open: () => whileAllowed(front, principal, open()),
  });
  if (ranges && ranges.length > 1) {
    const type = safeType(file.type);
    const several = byterangesOf(ranges, { size: file.size, type }, encodeHex(random.bytes(16)));
    return {
      status: 206,
      headers: { ...fileHeaders(file), "content-type": several.type },
      content: stream(several.size, () => several.pieces(read)),
    };
  }
  const [range] = ranges ?? [];
  const sent = range ?? { start: 0, end: file.size };
  const digests = await wantedDigests(front, request, file, sent);
  return {
    status: range ? 206 : 200,
    headers: { ...fileHeaders(file), ...rangeHeaders(file, range), ...digests },
    content: stream(sent.end - sent.start, () => read(sent)),
  };
}

function rangeHeaders(file: FileRecord, range: ByteRange | undefined): Headers {
  return range ? { "content-range": encodeContentRange(range, file.size) } : {};
}
