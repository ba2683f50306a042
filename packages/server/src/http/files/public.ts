// PUT, DELETE /v1/files/{id}/public: makes a file everybody's, and private again. GET, HEAD /public/{id}: a file that is everybody's, for browsers and the caches between.
import type { Call, Front, Handler } from "../front.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { contentReply, type Readable } from "./get.ts";
import { manifestReply } from "./manifest.ts";

/** An address of its own: what lies there may be kept by anybody, and nothing else is ever told so. */
export const makePublic: Handler = async ({ engine }, { params, principal }) => {
  const { id } = await engine.setPublic(principal, idIn(params), "everybody");
  return jsonReply(200, { url: `/public/${id}` });
};

/** Nobody gets it here any more; what caches have, they keep. */
export const makePrivate: Handler = async ({ engine }, { params, principal }) => {
  await engine.setPublic(principal, idIn(params), "nobody");
  return emptyReply(204);
};

export async function getPublicFile(front: Front, call: Call): Promise<Reply> {
  return contentReply(front, call.request, await findPublic(front, call));
}

export async function getPublicManifest(front: Front, call: Call): Promise<Reply> {
  return manifestReply(front, call.request, await findPublic(front, call));
}

/** @throws HoldfastError `file_not_found`, for what is not public as for what is not there */
async function findPublic({ engine }: Front, { params }: Call): Promise<Readable> {
  const find = () => engine.publicFile(idIn(params));
  const stillMay = async () => void (await find());
  return { file: await find(), audience: "everybody", stillMay };
}

function idIn([id = ""]: readonly string[]): string {
  return id;
}
