// Who sends a request: by its token, by the address it was signed for, or nobody in particular.
import type { Principal } from "@holdfast/engine";
import type { Front } from "../front.ts";
import type { Request } from "../request.ts";
import { isLink, readFileLink } from "./file-link.ts";
import { requireAddress } from "./held-address.ts";
import { readPartAddress } from "./part-address.ts";
import { requireSigned } from "./signature.ts";

/**
 * What opens a route: nothing (health), a token, a token or a read link, or a signed part request and nothing else.
 * A credential counts in its one place only: a token in the query, or a signature on a route that takes none, is as if it were not there.
 */
export type Access = "everybody" | "token" | "token or link" | "signed part";

const NOBODY: Principal = { id: "", tenant: "" };

/** @throws HoldfastError `unauthorized`, `signature_refused`, `storage_failed` */
export async function admit(
  front: Front,
  access: Access,
  request: Request,
  params: readonly string[],
): Promise<Principal> {
  if (access === "everybody") return NOBODY;
  if (access === "signed part") {
    const { terms, from } = readPartAddress(params, request.query);
    const principal = await requireSigned(front, terms);
    requireAddress(request, from);
    return principal;
  }
  if (comesByLink(access, request)) {
    return requireSigned(front, readFileLink(params, request.query));
  }
  return front.policy.authenticate(request.header("authorization"));
}

/** A link lets read: whoever deletes brings a token. */
export function comesByLink(access: Access, { method, query }: Request): boolean {
  const isRead = method === "GET" || method === "HEAD";
  return access === "token or link" && isRead && isLink(query);
}
