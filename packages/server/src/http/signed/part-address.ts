// The address of a signed part request: `/p/{kid}/{upload}/{part}?by&iat&exp&e&len&dig&from?&sig`, written and read.
import type { Principal, SignedPart } from "@holdfast/engine";
import { DIGEST_SIZE, type HoldfastError } from "@holdfast/protocol";
import type { Keyring } from "../../keys/keyring.ts";
import {
  readExactly,
  readWhole,
  refused,
  type SignedTerms,
  sign,
  type Terms,
} from "./signature.ts";

/** There where the request may be sent from one address only. */
const FROM = "from";
const NAMES = ["by", "iat", "exp", "e", "len", "dig", "sig"] as const;

/** What an address says of the part, and its terms. */
export interface PartAddress {
  readonly terms: SignedTerms;
  readonly part: SignedPart;
  /** The address that it may be sent from; undefined where that is all the same. */
  readonly from: string | undefined;
}

export function writePartAddress(
  keys: Keyring,
  by: Principal,
  part: SignedPart,
  { from, ...when }: Pick<Terms, "grant" | "issuedAt" | "expiresAt"> & { readonly from?: string },
): string {
  const path = pathOf(keys.current.kid, part.id, part.index);
  const terms: Terms = { method: "PUT", path, ...when, bound: boundOf(part, from) };
  const query = new URLSearchParams({
    by: when.grant,
    iat: String(when.issuedAt),
    exp: String(when.expiresAt),
    e: String(part.epoch),
    len: String(part.size),
    dig: Buffer.from(part.digest).toString("base64url"),
    ...(from === undefined ? {} : { [FROM]: from }),
    sig: sign(keys, terms, by),
  });
  return `${path}?${query}`;
}

/** @throws HoldfastError `signature_refused` for what this server never writes. */
export function readPartAddress(params: readonly string[], query: URLSearchParams): PartAddress {
  const [kid = "", id = "", last = ""] = params;
  const values = readExactly(query, NAMES, [FROM]);
  const [from, second] = query.getAll(FROM);
  if (!values || second !== undefined) throw malformed();
  const index = readWhole(last);
  const [issuedAt, expiresAt, epoch, size] = [values.iat, values.exp, values.e, values.len].map(
    readWhole,
  );
  const digest = Buffer.from(values.dig, "base64url");
  const isExact = digest.length === DIGEST_SIZE && digest.toString("base64url") === values.dig;
  if (index === undefined || issuedAt === undefined || expiresAt === undefined) throw malformed();
  if (epoch === undefined || size === undefined || !isExact) throw malformed();
  const part: SignedPart = { id, index, size, digest: new Uint8Array(digest), epoch };
  const path = pathOf(kid, id, index);
  const { by: grant, sig: signature } = values;
  const bound = boundOf(part, from);
  const terms = { method: "PUT", path, grant, issuedAt, expiresAt, bound, kid, signature } as const;
  return { terms, part, from };
}

function malformed(): HoldfastError {
  return refused("it is not as it was signed");
}

function pathOf(kid: string, id: string, index: number): string {
  return `/p/${kid}/${id}/${index}`;
}

/** The path names upload and part already; here they are bound by what they are. */
function boundOf(
  { id, index, size, digest, epoch }: SignedPart,
  from: string | undefined,
): readonly string[] {
  const dig = Buffer.from(digest).toString("base64url");
  const held = from === undefined ? [] : [FROM, from];
  return ["part", id, String(index), String(size), "sha-256", dig, String(epoch), ...held];
}
