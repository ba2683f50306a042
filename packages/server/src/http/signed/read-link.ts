// A signed read link, of a file or of the content of an upload: `PATH?kid&by&iat&exp&link&sig`, written and read; a file's manifest is under the same with `/manifest`.
import { type Principal, type RevokedLink, revokedBefore } from "@holdfast/engine";
import type { Keyring } from "../../keys/keyring.ts";
import {
  readExactly,
  readWhole,
  refused,
  type SignedTerms,
  sign,
  type Terms,
} from "./signature.ts";

/** What a link is to. */
export type LinkTo = "file" | "content";

const NAMES = ["kid", "by", "iat", "exp", "sig"] as const;
/** The link's own name, by which it can be taken back. Those of before had none. */
const LINK = "link";
/** What may stand beside the signature: it asks for another form of the same content. */
const EXTRA: Readonly<Record<LinkTo, readonly string[]>> = {
  file: [LINK, "proof"],
  content: [LINK, "follow"],
};

/** What is signed, and by what name it can be taken back. */
export interface ReadLink {
  readonly terms: SignedTerms;
  readonly link: string | undefined;
}

export function writeReadLink(
  keys: Keyring,
  by: Principal,
  { to, id, link }: { readonly to: LinkTo; readonly id: string; readonly link: string },
  when: Pick<Terms, "grant" | "issuedAt" | "expiresAt">,
): string {
  const path = pathOf(to, id);
  const query = new URLSearchParams({
    kid: keys.current.kid,
    by: when.grant,
    iat: String(when.issuedAt),
    exp: String(when.expiresAt),
    [LINK]: link,
    sig: sign(keys, { method: "GET", path, ...when, bound: boundOf(to, id, link) }, by),
  });
  return `${path}?${query}`;
}

/** Whether a request comes by a link: then nothing else that it brings counts. */
export function isLink(query: URLSearchParams): boolean {
  return query.has("sig");
}

/** @throws HoldfastError `signature_refused` for what this server never writes. */
export function readReadLink(
  to: LinkTo,
  [id = ""]: readonly string[],
  query: URLSearchParams,
): ReadLink {
  const values = readExactly(query, NAMES, EXTRA[to]);
  const [link, second] = query.getAll(LINK);
  if (!values || second !== undefined) throw refused("it is not as it was signed");
  const { kid, by: grant, sig: signature } = values;
  const issuedAt = readWhole(values.iat);
  const expiresAt = readWhole(values.exp);
  if (issuedAt === undefined || expiresAt === undefined)
    throw refused("it is not as it was signed");
  const path = pathOf(to, id);
  const bound = boundOf(to, id, link);
  const terms = { method: "GET", path, grant, issuedAt, expiresAt, bound, kid, signature } as const;
  return { terms, link };
}

/** @throws HoldfastError `signature_refused` where the link was taken back */
export function requireStanding(
  { terms, link }: ReadLink,
  revoked: readonly RevokedLink[] = [],
): void {
  const isNamed = revoked.some((one) => "id" in one && one.id === link);
  if (isNamed || terms.issuedAt * 1000 <= revokedBefore(revoked))
    throw refused("it was taken back");
}

function boundOf(to: LinkTo, id: string, link: string | undefined): readonly string[] {
  return [to, id, ...(link === undefined ? [] : [LINK, link])];
}

function pathOf(to: LinkTo, id: string): string {
  return to === "file" ? `/v1/files/${id}` : `/v1/uploads/${id}/content`;
}
