// POST, DELETE /v1/uploads/{id}/requests: signs requests for given parts and digests, and takes back all that were signed.
import { decodePartsWanted, encodePartRequests } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { readJson, requireIdentity } from "../request.ts";
import { writePartAddress } from "./part-address.ts";
import { lifetime } from "./signature.ts";

/** Seconds. A day is for handing a transfer over to an operating system. */
const LIFETIME = { byDefault: 15 * 60, most: 24 * 60 * 60 } as const;

export async function signRequests(
  { engine, keys, clock }: Front,
  { request, params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  requireIdentity(request);
  const { parts, expiresIn } = decodePartsWanted(await readJson(request));
  const when = { ...lifetime(clock, expiresIn, LIFETIME), grant: principal.grant ?? "" };
  const keyring = keys();
  const signed = await engine.presign(principal, id, parts);
  const requests = signed.map((part) => ({
    index: part.index,
    url: writePartAddress(keyring, principal, part, when),
    method: "PUT" as const,
    headers: {},
    expiresAt: when.expiresAt * 1000,
  }));
  return jsonReply(200, encodePartRequests(requests));
}

export async function revokeRequests(
  { engine }: Front,
  { params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  await engine.revoke(principal, id);
  return emptyReply(204);
}
