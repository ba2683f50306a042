// GET, HEAD /v1/files/{id}/manifest: the parts of a file with their digests; `?proof=i` proves one of them.
import type { FileRecord } from "@holdfast/engine";
import {
  DIGEST_SIZE,
  decodeBase64,
  encodeBase64,
  encodeHex,
  HoldfastError,
  partCount,
  proveInclusion,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { bytesReply, emptyReply, jsonReply, type Reply } from "../reply.ts";
import { entityTag, validators } from "./headers.ts";
import { isNotModified } from "./preconditions.ts";

export async function getManifest(
  front: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  const file = await front.engine.file(principal, id);
  const proof = request.query.get("proof");
  if (proof !== null) return proofReply(front, file, partIndex(file, proof));
  const etag = entityTag(file.manifestDigest);
  const headers = validators(etag, file.createdAt);
  if (isNotModified(request, { etag, modifiedAt: file.createdAt })) return emptyReply(304, headers);
  return bytesReply(200, "application/json", await front.engine.manifest(file), headers);
}

/** What a client needs to check one part against the root it knows, without the other digests. */
async function proofReply(front: Front, file: FileRecord, index: number): Promise<Reply> {
  const digests = digestsOf(await front.engine.manifest(file));
  const { size, partSize, algorithm } = file;
  const proof = proveInclusion(front.digests.sha256, { size, partSize, algorithm, digests }, index);
  return jsonReply(200, {
    index,
    digest: encodeBase64(digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE)),
    proof: proof.map(encodeBase64),
    size,
    partSize,
    algorithm,
    root: encodeHex(file.root),
  });
}

/** The engine has checked the manifest against its digest, so its root needs no computing again. */
function digestsOf(manifest: Uint8Array): Uint8Array {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(manifest));
  const text =
    typeof parsed === "object" && parsed !== null && "digests" in parsed ? parsed.digests : "";
  const digests = typeof text === "string" ? decodeBase64(text) : undefined;
  if (!digests) throw new HoldfastError("internal", "a stored manifest has no digests");
  return digests;
}

function partIndex(file: FileRecord, text: string): number {
  if (!/^(?:0|[1-9][0-9]{0,8})$/.test(text)) {
    const field = "proof";
    throw new HoldfastError("invalid_request", "proof must be the index of a part", { field });
  }
  const count = partCount(file);
  if (Number(text) < count) return Number(text);
  throw new HoldfastError("part_out_of_range", `the file has ${count} parts`, { partCount: count });
}
