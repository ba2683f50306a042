// PUT /p/{kid}/{upload}/{part}: one part by a signed request. Whoever has the address needs no token; the route has verified it.
import { decodeClient, decodeRunDigests, equalBytes } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { type Request, requireIdentity } from "../request.ts";
import { readPartAddress } from "./part-address.ts";
import { refused } from "./signature.ts";

/** A replay writes nothing: the part's digest is write-once and stands in the signature. */
export async function putSignedPart(
  { engine }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const { part } = readPartAddress(params, request.query);
  requireIdentity(request);
  const { body } = request;
  if (body.size !== part.size) throw refused(`the body must have exactly ${part.size} bytes`);
  requireSameDigest(request, part.digest);
  const committed = await engine.putRun(principal, {
    id: part.id,
    run: [part.index, part.index + 1],
    // What stands in the address is a SHA-256: no other upload has got one.
    digests: new Map([["sha-256", [part.digest]]]),
    epoch: part.epoch,
    body,
    bodySize: part.size,
    ...decodeClient(request.header("holdfast-client")),
  });
  return jsonReply(200, committed);
}

/** A client may send the digest as with a token, but no other one. */
function requireSameDigest(request: Request, digest: Uint8Array): void {
  const contentDigest = request.header("content-digest");
  const partDigest = request.header("part-digest");
  if (contentDigest === undefined && partDigest === undefined) return;
  const [sent] = decodeRunDigests({ contentDigest, partDigest }, "sha-256", 1);
  if (!sent || !equalBytes(sent, digest)) throw refused("it was signed for another digest");
}
