// GET, HEAD /v1/files/{id}/manifest: the parts of a file with their digests; `?proof=i` proves one of them.
import type { FileRecord } from "@holdfast/engine";
import {
  encodeBase64,
  encodeDigest,
  encodeHex,
  HoldfastError,
  partCount,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, type Headers, jsonReply, type Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import { wants } from "./digests.ts";
import { findFor, type Readable } from "./get.ts";
import { type Audience, entityTag, validators } from "./headers.ts";
import { isNotModified } from "./preconditions.ts";
import { whileAllowed } from "./while-allowed.ts";

export async function getManifest(front: Front, call: Call): Promise<Reply> {
  return manifestReply(front, call.request, await findFor(front, call));
}

export async function manifestReply(
  front: Front,
  request: Request,
  { file, audience, stillMay }: Readable,
): Promise<Reply> {
  const proof = request.query.get("proof");
  if (proof !== null) return proofReply(front, file, partIndex(file, proof));
  const etag = entityTag(file.manifestDigest);
  const headers = { ...validators(etag, file.createdAt, audience), ...damageOf(file, audience) };
  const digest = encodeDigest("sha-256", file.manifestDigest);
  const is = { etag, modifiedAt: file.createdAt };
  if (isNotModified(request, is, front.clock.now())) return emptyReply(304, headers);
  const pieces = await front.engine.manifest(file);
  return {
    status: 200,
    headers: {
      "content-type": "application/json",
      "repr-digest": digest,
      ...(request.method === "GET" && wants(request, "content")
        ? { "content-digest": digest }
        : {}),
      ...headers,
    },
    content: {
      kind: "stream",
      size: file.manifestSize,
      open: () => whileAllowed(front, stillMay, pieces),
    },
  };
}

/** Parts to be told of: enough to see what there is to do. */
const TOLD_MAX = 100;

/** Whoever has the same file may bring it again, and does so only if he knows. Caches would tell of it for a year. */
function damageOf({ notes }: FileRecord, audience: Audience): Headers {
  const damaged = notes?.damaged?.slice(0, TOLD_MAX);
  return damaged && audience === "asker" ? { "holdfast-damaged": damaged.join(", ") } : {};
}

/** What a client needs to check one part against the root it knows, without the other digests. */
async function proofReply({ engine }: Front, file: FileRecord, index: number): Promise<Reply> {
  const { digest, proof } = await engine.proof(file, index);
  const { size, partSize, algorithm } = file;
  return jsonReply(200, {
    index,
    digest: encodeBase64(digest),
    proof: proof.map(encodeBase64),
    size,
    partSize,
    algorithm,
    root: encodeHex(file.root),
  });
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
