// GET /v1/uploads/{id}: how far an upload is.
import { base64Pieces, base64Size, encodeUpload, type UploadView } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

const utf8 = new TextEncoder();

export async function getStatus(
  front: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  const digests = request.query.get("digests") === "1";
  const view = await front.engine.status(principal, id, { digests });
  return view.digests ? digestsReply(view, view.digests) : jsonReply(200, encodeUpload(view));
}

/** The digests of 100,000 parts are 4 MiB of text: they go out in pieces, behind everything else. */
function digestsReply(view: UploadView, digests: Uint8Array): Reply {
  const { digests: _, ...rest } = view;
  const head = utf8.encode(`${JSON.stringify(encodeUpload(rest)).slice(0, -1)},"digests":"`);
  const tail = utf8.encode('"}');
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    content: {
      kind: "stream",
      size: head.length + base64Size(digests.length) + tail.length,
      async *open() {
        yield head;
        for (const piece of base64Pieces(digests)) yield utf8.encode(piece);
        yield tail;
      },
    },
  };
}
