// A signed read link of one file: `/v1/files/{id}?kid&by&iat&exp&sig`, written and read; the manifest's is the same with `/manifest`.
import type { Principal } from "@holdfast/engine";
import type { Keyring } from "../../keys/keyring.ts";
import {
  readExactly,
  readWhole,
  refused,
  type SignedTerms,
  sign,
  type Terms,
} from "./signature.ts";

const NAMES = ["kid", "by", "iat", "exp", "sig"] as const;
/** What may stand beside the signature: it asks for another form of the same content. */
const EXTRA = ["proof"];

export function writeFileLink(
  keys: Keyring,
  by: Principal,
  id: string,
  when: Pick<Terms, "grant" | "issuedAt" | "expiresAt">,
): string {
  const path = pathOf(id);
  const query = new URLSearchParams({
    kid: keys.current.kid,
    by: when.grant,
    iat: String(when.issuedAt),
    exp: String(when.expiresAt),
    sig: sign(keys, { method: "GET", path, ...when, bound: ["file", id] }, by),
  });
  return `${path}?${query}`;
}

/** Whether a request comes by a link: then nothing else that it brings counts. */
export function isLink(query: URLSearchParams): boolean {
  return query.has("sig");
}

/** @throws HoldfastError `signature_refused` for what this server never writes. */
export function readFileLink([id = ""]: readonly string[], query: URLSearchParams): SignedTerms {
  const values = readExactly(query, NAMES, EXTRA);
  if (!values) throw refused("it is not as it was signed");
  const { kid, by: grant, sig: signature } = values;
  const issuedAt = readWhole(values.iat);
  const expiresAt = readWhole(values.exp);
  if (issuedAt === undefined || expiresAt === undefined)
    throw refused("it is not as it was signed");
  const bound = ["file", id];
  return { method: "GET", path: pathOf(id), grant, issuedAt, expiresAt, bound, kid, signature };
}

function pathOf(id: string): string {
  return `/v1/files/${id}`;
}
