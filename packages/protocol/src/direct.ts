// Direct transfer on the wire: which parts signed requests are wanted for, or are to be confirmed, and the requests; how long a link should live.
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { DIGEST_SIZE } from "./digest.ts";
import { HoldfastError } from "./errors.ts";
import { fieldsOf, optionalText, optionalWhole, textAt, wholeAt } from "./read.ts";

/** A part by its index, and the SHA-256 that its bytes have. */
export interface PartDigest {
  readonly index: number;
  readonly digest: Uint8Array;
}

/** Body of `POST .../requests` and `POST .../parts`. */
export interface PartsWanted {
  readonly parts: readonly PartDigest[];
  /** Seconds. */
  readonly expiresIn?: number;
  /** Where the requests may be sent from: an IP address, or `mine` for the one that they are asked for from. Anywhere where undefined. */
  readonly address?: string;
}

/** Which way parts go: through this server, or by signed requests to wherever they are stored. */
export type TransferWay = "server" | "direct";

/** A request that brings one part; whoever has it needs no token. */
export interface PartRequest {
  readonly index: number;
  /** A path on the same server, or an address anywhere. */
  readonly url: string;
  readonly method: "PUT";
  /** To be sent as they are, besides the size of the body. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970, by the server's clock. */
  readonly expiresAt: number;
}

/** Parts in one request. */
export const PARTS_WANTED_MAX = 100;

/** @throws HoldfastError `invalid_request` naming the field; `invalid_digest` */
export function decodePartsWanted(body: unknown): PartsWanted {
  const fields = fieldsOf(body, "body");
  const parts: unknown = fields.get("parts");
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > PARTS_WANTED_MAX) {
    throw new HoldfastError("invalid_request", `parts must list 1 to ${PARTS_WANTED_MAX} parts`, {
      field: "parts",
    });
  }
  const address = optionalText(fields, "address");
  const from = address === undefined ? {} : { address };
  return { parts: parts.map(decodePart), ...decodeLinkWanted(body), ...from };
}

/** The JSON value that `decodePartsWanted` reads. */
export function encodePartsWanted({ parts, ...rest }: PartsWanted): object {
  return {
    ...rest,
    parts: parts.map(({ index, digest }) => ({ index, digest: encodeBase64(digest) })),
  };
}

/** The JSON value that answers `POST .../requests`. */
export function encodePartRequests(requests: readonly PartRequest[]): object {
  return { requests };
}

/**
 * What a client may send somewhere because this server says so: a server that was taken over must not make it send anything but a part.
 * @throws HoldfastError `invalid_request` naming the field.
 */
export function decodePartRequests(value: unknown): readonly PartRequest[] {
  const requests: unknown = fieldsOf(value, "body").get("requests");
  if (!Array.isArray(requests) || requests.length > PARTS_WANTED_MAX) throw malformed("requests");
  return requests.map(decodePartRequest);
}

function decodePartRequest(value: unknown): PartRequest {
  const fields = fieldsOf(value, "requests");
  if (fields.get("method") !== "PUT") throw malformed("method");
  const url = textAt(fields, "url");
  if (!LOCAL.test(url) && !isAddress(url)) throw malformed("url");
  const headers = [...fieldsOf(fields.get("headers"), "headers")].map(decodeHeader);
  return {
    index: wholeAt(fields, "index"),
    url,
    method: "PUT",
    headers: Object.fromEntries(headers),
    expiresAt: wholeAt(fields, "expiresAt"),
  };
}

const LOCAL = /^\/(?![/\\])[!-[\]-~]*$/;

function isAddress(text: string): boolean {
  const url = /^[!-~]+$/.test(text) ? URL.parse(text) : null;
  const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
  return isHttp && url.username === "" && url.password === "";
}

/** Where a request goes, how it is framed and on whose behalf it comes is not for the answer of another one to say. */
const NOT_SIGNED: ReadonlySet<string> = new Set([
  ...["host", "connection", "transfer-encoding", "te", "trailer", "upgrade", "expect"],
  ...["keep-alive", "authorization", "proxy-authorization", "cookie", "content-encoding"],
]);

function decodeHeader([name, value]: readonly [string, unknown]): readonly [string, string] {
  const lower = name.toLowerCase();
  const isName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lower) && !NOT_SIGNED.has(lower);
  if (!isName || typeof value !== "string" || !/^[\x20-\x7e]*$/.test(value))
    throw malformed("headers");
  return [lower, value];
}

function malformed(field: string): HoldfastError {
  return new HoldfastError("invalid_request", `${field} of a signed request is malformed`, {
    field,
  });
}

function decodePart(value: unknown): PartDigest {
  const fields = fieldsOf(value, "parts");
  const digest = decodeBase64(textAt(fields, "digest"));
  if (digest?.length !== DIGEST_SIZE) {
    throw new HoldfastError("invalid_digest", "digest must be base64 of a SHA-256", {
      field: "digest",
    });
  }
  return { index: wholeAt(fields, "index"), digest };
}

/** Body of `POST /v1/files/{id}/links`. @throws HoldfastError `invalid_request` naming the field. */
export function decodeLinkWanted(body: unknown): { readonly expiresIn?: number } {
  const expiresIn = optionalWhole(fieldsOf(body, "body"), "expiresIn");
  return expiresIn === undefined ? {} : { expiresIn };
}
