// Who sends a request: by its token, by the address it was signed for, or nobody in particular.
import type { Principal } from "@holdfast/engine";
import type { Front } from "../front.ts";
import type { Request } from "../request.ts";
import { requireAddress } from "./held-address.ts";
import { readPartAddress } from "./part-address.ts";
import { isLink, type LinkTo, type ReadLink, readReadLink } from "./read-link.ts";
import { requireSigned } from "./signature.ts";

/**
 * What opens a route: nothing (health), nothing because what lies there is public or is not there, a token, a token or a read link, or a signed part request and nothing else.
 * A credential counts in its one place only: a token in the query, or a signature on a route that takes none, is as if it were not there.
 */
export type Access =
  | "everybody"
  | "public"
  | "token"
  | "token or file link"
  | "token or content link"
  | "signed part";

/** Who sends it, and by which link. */
export interface Admitted {
  readonly principal: Principal;
  /** Whether it was taken back stands beside what it is to. */
  readonly link?: ReadLink;
}

const NOBODY: Principal = { id: "", tenant: "" };

/** @throws HoldfastError `unauthorized`, `signature_refused`, `storage_failed` */
export async function admit(
  front: Front,
  access: Access,
  request: Request,
  params: readonly string[],
): Promise<Admitted> {
  if (access === "everybody" || access === "public") return { principal: NOBODY };
  if (access === "signed part") {
    const { terms, from } = readPartAddress(params, request.query);
    const principal = await requireSigned(front, terms);
    requireAddress(request, from);
    return { principal };
  }
  const to = linkTo(access, request);
  if (to) {
    const link = readReadLink(to, params, request.query);
    return { principal: await requireSigned(front, link.terms), link };
  }
  return { principal: await front.policy.authenticate(request.header("authorization")) };
}

/** Whether it comes without a token of its own, from anybody who has an address. */
export function comesByAddress(access: Access, request: Request): boolean {
  return access === "public" || linkTo(access, request) !== undefined;
}

/** A link lets read: whoever deletes brings a token. */
function linkTo(access: Access, { method, query }: Request): LinkTo | undefined {
  const isRead = method === "GET" || method === "HEAD";
  if (!isRead || !isLink(query)) return undefined;
  if (access === "token or file link") return "file";
  return access === "token or content link" ? "content" : undefined;
}
