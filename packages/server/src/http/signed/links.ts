// POST /v1/files/{id}/links: a link by which anybody may read one file for a while.
import { decodeLinkWanted } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { readJson, requireIdentity } from "../request.ts";
import { writeFileLink } from "./file-link.ts";
import { lifetime } from "./signature.ts";

/** Seconds. */
const LIFETIME = { byDefault: 24 * 60 * 60, most: 7 * 24 * 60 * 60 } as const;

export async function signLink(
  { engine, keys, clock }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  requireIdentity(request);
  const { expiresIn } = decodeLinkWanted((await readJson(request)) ?? {});
  const when = { ...lifetime(clock, expiresIn, LIFETIME), grant: principal.grant ?? "" };
  const file = await engine.file(principal, id);
  const url = writeFileLink(keys(), principal, file.id, when);
  return jsonReply(201, { url, expiresAt: when.expiresAt * 1000 }, { location: url });
}
