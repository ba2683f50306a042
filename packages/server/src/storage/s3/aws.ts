// The calls by the AWS SDK, which knows credentials, regions and XML. Its own retries and checksums are off: both are ours.
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { bucketCalls } from "./aws-bucket.ts";
import { multipartCalls } from "./aws-multipart.ts";
import { objectCalls } from "./aws-objects.ts";
import type { S3Calls } from "./calls.ts";

export interface AwsOptions {
  readonly bucket: string;
  /** Else the SDK looks where it always does: environment, profiles. */
  readonly region?: string;
  /** Where the store is, unless it is that of AWS. */
  readonly endpoint?: string;
  /** The bucket in the path, not in the host name: most stores that are not AWS want it. */
  readonly hasBucketInPath?: boolean;
  /** Else the SDK looks where it always does: environment, profiles, the instance's role. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** False of a store that knows no `x-amz-checksum` fields. */
  readonly hasChecksums?: boolean;
  /** Milliseconds without a byte after which a call is given up. */
  readonly idleMs?: number;
  /** Requests to the store at once, beside bodies that come or go as fast as somebody sends or takes them; 128 by default. */
  readonly socketsMax?: number;
}

/** Bytes of an answer that are read before anybody asks for them: fewer pieces then, and larger ones, where the reader is the slower one. */
const AHEAD_SIZE: number = 256 * 1024;
/** The same, and of bodies that wait for the store, where there may be thousands: so much is kept for each of them. */
const AHEAD_CROWDED_SIZE: number = 64 * 1024;
const CONNECT_MS = 5_000;
const IDLE_MS = 30_000;
const SOCKETS_MAX = 128;
/** As many as the server takes connections: who is slow waits for nobody, and nobody for him. */
const STREAMS_MAX = 4_000;

/** What there is to say of a call, its error says. */
const SILENT = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export function createAwsCalls(options: AwsOptions): S3Calls {
  const {
    bucket,
    region,
    endpoint,
    credentials,
    hasBucketInPath = endpoint !== undefined,
  } = options;
  const config = (maxSockets: number, aheadSize = AHEAD_SIZE): S3ClientConfig => ({
    forcePathStyle: hasBucketInPath,
    maxAttempts: 1,
    // Else an address that is signed without a body carries the checksum of nothing.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    logger: SILENT,
    requestHandler: handlerOf(options, maxSockets, aheadSize),
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials ? { credentials: { ...credentials } } : {}),
  });
  const { socketsMax = SOCKETS_MAX, hasChecksums = true } = options;
  const client = new S3Client(config(socketsMax));
  const { credentials: shared } = client.config;
  const crowd = config(STREAMS_MAX, AHEAD_CROWDED_SIZE);
  const streaming = new S3Client({ ...crowd, credentials: shared });
  const forReads = { few: client, fewMax: Math.floor(socketsMax / 2), many: streaming };
  const aws = { client, streaming, forReads, bucket, hasChecksums };
  return {
    multipart: multipartCalls(aws),
    objects: objectCalls(aws),
    bucket: bucketCalls(aws),
    close() {
      client.destroy();
      streaming.destroy();
    },
  };
}

function handlerOf({ idleMs = IDLE_MS }: AwsOptions, maxSockets: number, aheadSize: number) {
  const connections = { maxSockets, keepAlive: true, highWaterMark: aheadSize };
  return {
    connectionTimeout: CONNECT_MS,
    socketTimeout: idleMs,
    httpAgent: new HttpAgent(connections),
    httpsAgent: new HttpsAgent(connections),
  };
}
