// One call of the SDK: what it throws becomes a fault that says whether the store has answered.
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { encodeHex } from "@holdfast/protocol";
import { type CallBody, S3Error } from "./calls.ts";

/** What every file of calls works with. */
export interface Aws {
  readonly client: S3Client;
  /** With connections of its own, for bodies that come as fast as somebody sends them. */
  readonly streaming: S3Client;
  /** For answers that go as fast as somebody takes them: `few` of them over the connections of everything else, and `many` over others. */
  readonly forReads: {
    readonly few: S3Client;
    readonly fewMax: number;
    readonly many: S3Client;
  };
  readonly bucket: string;
  /** False of a store that knows no `x-amz-checksum` fields: then only the signature covers a part's digest. */
  readonly hasChecksums: boolean;
}

/** Runs a call of the SDK. @throws S3Error */
export async function call<T>(sending: Promise<T>): Promise<T> {
  try {
    return await sending;
  } catch (error) {
    throw faultOf(error);
  }
}

/** The same, where "not there" is an answer. */
export async function callOr<T>(
  sending: Promise<T>,
  codes: readonly string[],
): Promise<T | undefined> {
  try {
    return await call(sending);
  } catch (error) {
    const isAbsent =
      error instanceof S3Error &&
      error.fault.kind === "refused" &&
      codes.includes(error.fault.code);
    if (isAbsent) return undefined;
    throw error;
  }
}

/** What the SDK throws has the name of the store's error, and the status where there was an answer. */
export function faultOf(error: unknown): S3Error {
  if (!(error instanceof Error)) return new S3Error({ kind: "unanswered", message: String(error) });
  const { name, message } = error;
  const status = statusOf(error);
  if (UNSENT.has(name) || NO_REGION.test(message)) {
    return new S3Error({ kind: "unsent", message }, error);
  }
  // A body that nobody could read tells nothing of what has happened, whatever its status.
  if (status === undefined || (status < 300 && name === "SyntaxError")) {
    return new S3Error({ kind: "unanswered", message: `${name}: ${wordsOf(error)}` }, error);
  }
  const retryAfterMs = retryAfterOf(error);
  const fault = { kind: "refused", status, code: name, message } as const;
  return new S3Error(retryAfterMs === undefined ? fault : { ...fault, retryAfterMs }, error);
}

/** Thrown by the SDK before anything is sent. */
const UNSENT: ReadonlySet<string> = new Set([
  "CredentialsProviderError",
  "TokenProviderError",
  "ProviderError",
]);

const NO_REGION = /^Region (?:is missing|not accepted)/;

/** Of several addresses that did not answer, the system says nothing but their errors. */
function wordsOf(error: Error): string {
  const [first]: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  return error.message || (first instanceof Error ? first.message : "");
}

function statusOf(error: Error): number | undefined {
  const { $metadata: metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return metadata?.httpStatusCode;
}

function retryAfterOf(error: Error): number | undefined {
  const { $response: response } = error as {
    $response?: { headers?: Readonly<Record<string, string>> };
  };
  const seconds = Number(response?.headers?.["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

/** Bytes that are there go as they are; a stream is read as the store takes it. */
export function bodyOf(body: CallBody): Uint8Array | Readable {
  return body instanceof Uint8Array ? body : Readable.from(body, { objectMode: false });
}

/** Which connections a body goes over. */
export function clientFor({ client, streaming }: Aws, body: CallBody): S3Client {
  return body instanceof Uint8Array || Array.isArray(body) ? client : streaming;
}

/** A body that breaks ends its request: the SDK would wait for the rest of it, and the error would have nobody to hear it. */
export function untilBroken(body: Uint8Array | Readable, signal?: AbortSignal): AbortSignal {
  const broken = new AbortController();
  if (body instanceof Readable) body.on("error", (cause) => broken.abort(cause));
  return signal ? AbortSignal.any([signal, broken.signal]) : broken.signal;
}

/** The signature covers the digest too, so that no store can overlook it, and nobody hashes the bytes again. */
export function signDigest(request: unknown, sha256: Uint8Array): void {
  const { headers } = request as { headers: Record<string, string> };
  headers["x-amz-content-sha256"] = encodeHex(sha256);
}
