// A store that speaks S3, strict where real stores are, in this process: what it is asked is checked, counted, and made to go wrong on demand.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, empty, errorAnswer, refusal } from "./answers.ts";
import { type Bucket, createBucket } from "./bucket.ts";
import { corsHeaders } from "./cors.ts";
import { createFaults, type Fault, type FaultRule, type Operation } from "./faults.ts";
import { OPERATIONS } from "./operations.ts";
import { PROFILES, type Profile, type ProfileName } from "./profiles.ts";
import { type Credentials, checkSignature, type SignedRequest } from "./sign.ts";

export interface S3DoubleOptions {
  readonly profile?: ProfileName;
  /** What this store does otherwise than its profile. */
  readonly instead?: Partial<Profile>;
  /** The only region that requests may be signed for; without it any will do. */
  readonly region?: string;
  /** False where the bucket is yet to be made. */
  readonly hasBucket?: boolean;
  /** Milliseconds since 1970 by the store's clock. */
  readonly now?: () => number;
  /** Whether the bytes of what has this key are kept; of others, in tests with more bytes than memory, only size and digests. All are kept by default. */
  readonly keepsBytes?: (key: string) => boolean;
}

export interface S3Double {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly credentials: Credentials;
  readonly bucketName: string;
  /** What is in there, to be looked at. */
  readonly bucket: Bucket;
  /** Requests that came, by operation. */
  readonly counts: ReadonlyMap<Operation, number>;
  /** What each of them was about, in their order: the key, or what was to be listed. */
  readonly asked: readonly string[];
  fault(rule: FaultRule): void;
  clearFaults(): void;
  close(): Promise<void>;
}

const CREDENTIALS: Credentials = { accessKeyId: "HOLDFASTDOUBLE", secretAccessKey: "not-a-secret" };
const BUCKET_NAME = "double";

export async function startS3Double(options: S3DoubleOptions = {}): Promise<S3Double> {
  const { profile: name = "aws", region, now = Date.now } = options;
  const { keepsBytes = () => true } = options;
  const profile: Profile = { ...PROFILES[name], ...options.instead };
  let { hasBucket = true } = options;
  const bucket = createBucket();
  const faults = createFaults();
  const counts = new Map<Operation, number>();
  const asked: string[] = [];

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { signed, bucketName, key } = readHead(request);
    const operation = operationOf(signed, key);
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    asked.push(`${operation} ${key || (signed.query.get("prefix") ?? "")}`);
    const fault = faults.next(operation);
    if (fault?.kind === "lose-request") return void request.socket.destroy();
    const sent = await readBody(request);
    const body = fault?.kind === "flip" ? flipped(sent) : sent;
    if (fault?.kind === "stall") return;
    const answer = answerTo(fault, () => {
      if (operation === "preflight") return preflight(signed);
      const proof = checkSignature(signed, CREDENTIALS, now(), region);
      if (typeof proof === "string") return refusal(proof);
      const makesBucket = operation === "bucket" && signed.method === "PUT";
      if (makesBucket && bucketName === BUCKET_NAME) hasBucket = true;
      if (bucketName !== BUCKET_NAME || !hasBucket) return refusal("NoSuchBucket");
      const isOther = proof.bodySha256 !== undefined && proof.bodySha256 !== sha256Hex(body);
      if (isOther && profile.checksBodies) return refusal("XAmzContentSHA256Mismatch");
      const { query, headers } = signed;
      const what = { bucket, profile, keepsBytes: keepsBytes(key), key, query, headers };
      return OPERATIONS[operation]({ ...what, body, now: now() });
    });
    if (fault?.kind === "lose-answer") return void request.socket.destroy();
    const { status, headers } = answer;
    const length = answer.body.length > 0 ? { "content-length": String(answer.body.length) } : {};
    const date = new Date(now()).toUTCString();
    response.writeHead(status, { date, ...length, ...headers, ...corsHeaders(bucket, signed) });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  }

  function preflight(signed: SignedRequest): Answer {
    const headers = corsHeaders(bucket, signed);
    return "access-control-allow-origin" in headers ? empty(200) : refusal("AccessDenied");
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    credentials: CREDENTIALS,
    bucketName: BUCKET_NAME,
    bucket,
    counts,
    asked,
    fault: faults.add,
    clearFaults: faults.clear,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerTo(fault: Fault | undefined, happen: () => Answer): Answer {
  if (fault?.kind === "refuse") return errorAnswer(fault.status, fault.code);
  if (fault?.kind === "error-200") return { ...refusal("InternalError"), status: 200 };
  const answer = happen();
  return fault?.kind === "happened-error" ? refusal("InternalError") : answer;
}

interface Head {
  readonly signed: SignedRequest;
  readonly bucketName: string;
  readonly key: string;
}

function readHead({ method = "GET", url = "/", headers }: IncomingMessage): Head {
  const [path = "/", query = ""] = url.split("?", 2);
  const [, bucketName = "", ...names] = decodeURIComponent(path).split("/");
  const fields = Object.entries(headers).map(
    ([name, value]) => [name, Array.isArray(value) ? value.join(",") : (value ?? "")] as const,
  );
  const signed = { method, path, query: new URLSearchParams(query), headers: new Map(fields) };
  return { signed, bucketName, key: names.join("/") };
}

function operationOf({ method, query, headers }: SignedRequest, key: string): Operation {
  if (method === "OPTIONS") return "preflight";
  if (query.has("cors")) return "cors";
  if (query.has("lifecycle")) return "lifecycle";
  if (key === "") {
    if (query.has("uploads")) return "list-uploads";
    if (query.has("delete")) return "delete-many";
    return method === "GET" ? "list-objects" : "bucket";
  }
  if (query.has("uploads")) return "create";
  if (query.has("uploadId")) return multipartOperation(method, headers);
  if (method === "PUT") return "put";
  if (method === "HEAD") return "head";
  return method === "DELETE" ? "delete" : "get";
}

function multipartOperation(method: string, headers: SignedRequest["headers"]): Operation {
  if (method === "PUT") return headers.has("x-amz-copy-source") ? "copy-part" : "part";
  if (method === "POST") return "complete";
  return method === "DELETE" ? "abort" : "list-parts";
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

function sha256Hex(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

function flipped(body: Buffer): Buffer {
  const other = Buffer.from(body);
  const middle = other.length >> 1;
  if (other.length > 0) other.writeUInt8((other[middle] ?? 0) ^ 1, middle);
  return other;
}
