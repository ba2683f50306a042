// Signature version 4, as a store checks it: in the Authorization header, or in the query of a presigned address.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What is signed of a request. Header names in lower case. */
export interface SignedRequest {
  readonly method: string;
  /** As it came, percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
}

export type Refusal =
  | "AccessDenied"
  | "AuthorizationHeaderMalformed"
  | "InvalidAccessKeyId"
  | "SignatureDoesNotMatch"
  | "RequestTimeTooSkewed";

/** What the body must be, where the signature says so: its SHA-256 in hex. */
export interface Signed {
  readonly bodySha256?: string;
}

/** Milliseconds that the clocks of a client and the store may differ by. */
const SKEW_MS = 15 * 60 * 1000;

/** Whether the request is signed by the owner of the credentials, by the store's clock `now`, for its region where it minds. */
export function checkSignature(
  request: SignedRequest,
  credentials: Credentials,
  now: number,
  region?: string,
): Signed | Refusal {
  const isElsewhere = region !== undefined && regionOf(request) !== region;
  if (isElsewhere) return "AuthorizationHeaderMalformed";
  return request.query.has("X-Amz-Signature")
    ? checkPresigned(request, credentials, now)
    : checkHeader(request, credentials, now);
}

/** As the scope of the signature has it: `KEY/DATE/REGION/s3/aws4_request`. */
function regionOf({ query, headers }: SignedRequest): string | undefined {
  const scope = query.get("X-Amz-Credential") ?? headers.get("authorization") ?? "";
  return scope.split("/")[2];
}

function checkHeader(request: SignedRequest, credentials: Credentials, now: number) {
  const authorization = request.headers.get("authorization") ?? "";
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  const date = request.headers.get("x-amz-date") ?? "";
  const bodySha256 = request.headers.get("x-amz-content-sha256") ?? "";
  if (!match) return "AccessDenied";
  const [, scope = "", signedHeaders = "", signature = ""] = match;
  const refusal = checkScope(scope, credentials);
  if (refusal) return refusal;
  if (Math.abs(now - timeOf(date)) > SKEW_MS) return "RequestTimeTooSkewed";
  const expected = signatureOf(request, { scope, signedHeaders, date, bodySha256 }, credentials);
  if (!isSame(expected, signature)) return "SignatureDoesNotMatch";
  return bodySha256.length === 64 ? { bodySha256 } : {};
}

function checkPresigned(request: SignedRequest, credentials: Credentials, now: number) {
  const { query } = request;
  const scope = query.get("X-Amz-Credential") ?? "";
  const signedHeaders = query.get("X-Amz-SignedHeaders") ?? "";
  const date = query.get("X-Amz-Date") ?? "";
  const lifeMs = Number(query.get("X-Amz-Expires")) * 1000;
  const refusal = checkScope(scope, credentials);
  if (refusal) return refusal;
  if (!(now < timeOf(date) + lifeMs) || timeOf(date) > now + SKEW_MS) return "AccessDenied";
  // What is signed must be there, and what is sent of the store's own headers must be signed.
  const names = signedHeaders.split(";");
  for (const name of request.headers.keys()) {
    if (name.startsWith("x-amz-") && !names.includes(name)) return "AccessDenied";
  }
  const unsigned = new URLSearchParams(query);
  unsigned.delete("X-Amz-Signature");
  const bodySha256 = query.get("X-Amz-Content-Sha256") ?? "UNSIGNED-PAYLOAD";
  const what = { scope, signedHeaders, date, bodySha256 };
  const expected = signatureOf({ ...request, query: unsigned }, what, credentials);
  return isSame(expected, query.get("X-Amz-Signature") ?? "") ? {} : "SignatureDoesNotMatch";
}

function checkScope(scope: string, { accessKeyId }: Credentials): Refusal | undefined {
  const [key, , , service, end] = scope.split("/");
  if (key !== accessKeyId) return "InvalidAccessKeyId";
  return service === "s3" && end === "aws4_request" ? undefined : "AccessDenied";
}

/** `20260102T030405Z` in milliseconds since 1970; NaN where it is none. */
function timeOf(date: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (!match) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  return Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
}

interface WhatIsSigned {
  readonly scope: string;
  readonly signedHeaders: string;
  readonly date: string;
  readonly bodySha256: string;
}

function signatureOf(
  { method, path, query, headers }: SignedRequest,
  { scope, signedHeaders, date, bodySha256 }: WhatIsSigned,
  { secretAccessKey }: Credentials,
): string {
  const pairs = [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const lines = signedHeaders
    .split(";")
    .map((name) => `${name}:${(headers.get(name) ?? "").trim().replace(/ +/g, " ")}\n`);
  const canonical = [method, path, pairs.join("&"), lines.join(""), signedHeaders, bodySha256];
  const [, day = "", region = "", service = "", end = ""] = scope.split("/");
  const scoped = [day, region, service, end].join("/");
  const text = ["AWS4-HMAC-SHA256", date, scoped, sha256(canonical.join("\n"))].join("\n");
  const key = [day, region, service, end].reduce<string | Buffer>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${secretAccessKey}`,
  );
  return createHmac("sha256", key).update(text).digest("hex");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function isSame(expected: string, given: string): boolean {
  return (
    expected.length === given.length && timingSafeEqual(Buffer.from(expected), Buffer.from(given))
  );
}
