// POST /v1/files/{id}/links, POST /v1/uploads/{id}/links: a link by which anybody may read one file, or what there is of an upload, for a while. DELETE of one takes it back.
import { type RevokedLink, revokedBefore } from "@holdfast/engine";
import { decodeLinkWanted, encodeId, HoldfastError, ID_BYTES, isLinkId } from "@holdfast/protocol";
import type { Call, Front, Handler } from "../front.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { readJson, requireIdentity } from "../request.ts";
import { type LinkTo, writeReadLink } from "./read-link.ts";
import { lifetime, SKEW_S } from "./signature.ts";

/** Seconds. */
const LIFETIME = { byDefault: 24 * 60 * 60, most: 7 * 24 * 60 * 60 } as const;

export const signLink: Handler = async (front, call) => {
  const wanted = await readWanted(call);
  const file = await front.engine.file(call.principal, idOf(call));
  return signed(front, call, { to: "file", ...file, revoked: file.notes?.revoked }, wanted);
};

/** For as long as there is something to read: what the upload has become, too, for a day after it is complete. */
export const signContentLink: Handler = async (front, call) => {
  const wanted = await readWanted(call);
  const content = await front.engine.content(call.principal, idOf(call));
  return signed(front, call, { to: "content", ...content }, wanted);
};

export const revokeLink: Handler = async ({ engine, clock }, call) => {
  const link = linkOf(call);
  await engine.revokeFileLink(call.principal, idOf(call), link, endOfAll(clock.now()));
  return emptyReply(204);
};

export const revokeContentLink: Handler = async ({ engine, clock }, call) => {
  const link = linkOf(call);
  await engine.revokeContentLink(call.principal, idOf(call), link, endOfAll(clock.now()));
  return emptyReply(204);
};

async function readWanted({ request }: Call): Promise<number | undefined> {
  requireIdentity(request);
  return decodeLinkWanted((await readJson(request)) ?? {}).expiresIn;
}

/** What a link is to, and what was taken back of such. */
interface Linked {
  readonly to: LinkTo;
  readonly id: string;
  readonly revoked: readonly RevokedLink[] | undefined;
}

function signed(
  { keys, clock, random }: Front,
  { principal }: Call,
  { to, id, revoked }: Linked,
  expiresIn: number | undefined,
): Reply {
  const { issuedAt, expiresAt } = lifetime(clock, expiresIn, LIFETIME);
  // Where all of before were taken back, this one is not among them: it counts a second later at most.
  const first = Math.floor(revokedBefore(revoked) / 1000) + 1;
  const when = { issuedAt: Math.max(issuedAt, first), expiresAt, grant: principal.grant ?? "" };
  const link = encodeId(random.bytes(ID_BYTES));
  const url = writeReadLink(keys(), principal, { to, id, link }, when);
  return jsonReply(201, { id: link, url, expiresAt: when.expiresAt * 1000 }, { location: url });
}

function idOf({ params: [id = ""] }: Call): string {
  return id;
}

/** Nobody has noted which links there are: any name may be taken back, whether a link has it or not. */
function linkOf({ params: [, link = ""] }: Call): string {
  if (isLinkId(link)) return link;
  throw new HoldfastError("invalid_request", "a link's id is malformed", { field: "link" });
}

/** When the last link that was signed up to now is over, in milliseconds; another server's clock may be ahead by as much as is granted. */
function endOfAll(now: number): number {
  return now + (LIFETIME.most + 2 * SKEW_S) * 1000;
}
