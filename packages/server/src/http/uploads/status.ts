// GET /v1/uploads/{id}: how far an upload is.
import type { UploadDigests } from "@holdfast/engine";
import { base64Size, encodeBase64, encodeUpload, spokenVersion } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { getOffset } from "./head.ts";

const utf8 = new TextEncoder();

export async function getStatus(front: Front, call: Call): Promise<Reply> {
  const { engine } = front;
  const { request, params, principal } = call;
  const [id = ""] = params;
  // To who speaks a version of Resumable Uploads for HTTP a GET is another HEAD.
  if (spokenVersion(request.header).stamp) return getOffset(front, call);
  if (request.query.get("digests") === "1") {
    return digestsReply(await engine.digests(principal, id));
  }
  return jsonReply(200, encodeUpload(await engine.status(principal, id)));
}

/** The digests of 100,000 parts are 4 MiB of text: they go out in pieces, behind everything else, and are read when there is room for the next. */
function digestsReply({ view, size, pieces }: UploadDigests): Reply {
  const head = utf8.encode(`${JSON.stringify(encodeUpload(view)).slice(0, -1)},"digests":"`);
  const tail = utf8.encode('"}');
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    content: {
      kind: "stream",
      size: head.length + base64Size(size) + tail.length,
      async *open() {
        yield head;
        for await (const piece of pieces) yield utf8.encode(encodeBase64(piece));
        yield tail;
      },
    },
  };
}
