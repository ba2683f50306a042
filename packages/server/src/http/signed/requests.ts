// POST, DELETE /v1/uploads/{id}/requests: signs requests for given parts and digests, and takes back all that were signed.
import type { SignedPart, SignedRequest } from "@holdfast/engine";
import { decodePartsWanted, encodePartRequests } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { readJson, requireIdentity } from "../request.ts";
import { heldAddress } from "./held-address.ts";
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
  const { parts, expiresIn, address } = decodePartsWanted(await readJson(request));
  const held = address === undefined ? {} : { from: heldAddress(address, request) };
  const when = { ...lifetime(clock, expiresIn, LIFETIME), grant: principal.grant ?? "", ...held };
  const keyring = keys();
  const lifeMs = (when.expiresAt - when.issuedAt) * 1000;
  // A store looks at no address: what is held to one leads to us.
  const to = address === undefined ? "anywhere" : "us";
  const { server, storage } = await engine.presign(principal, id, parts, lifeMs, to);
  const made = new Map([...storage, ...server.map(addressed)].map((one) => [one.index, one]));
  const requests = parts.flatMap(({ index }) => made.get(index) ?? []);
  const { expiresAt } = when;
  const all = requests.map((one) => ({ ...one, expiresAt: expiresAt * 1000 }));
  return jsonReply(200, encodePartRequests(all));

  function addressed(part: SignedPart): SignedRequest {
    const url = writePartAddress(keyring, principal, part, when);
    return { index: part.index, url, method: "PUT", headers: {} };
  }
}

export async function revokeRequests(
  { engine }: Front,
  { params, principal }: Call,
): Promise<Reply> {
  const [id = ""] = params;
  await engine.revoke(principal, id);
  return emptyReply(204);
}
