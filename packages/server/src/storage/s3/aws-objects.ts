// Whole objects, by the SDK.
import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  type ServerSideEncryption,
  type StorageClass,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { DIGEST_SIZE, decodeBase64 } from "@holdfast/protocol";
import { type Aws, call, callOr, faultOf } from "./aws-call.ts";
import { SIGNED_AT, sendDigested } from "./aws-digested.ts";
import { type ObjectCalls, type ObjectFacts, type ObjectHeaders, S3Error } from "./calls.ts";

export function objectCalls(aws: Aws): ObjectCalls {
  const { client, bucket: Bucket, hasChecksums } = aws;
  const readWith = createReads(aws);
  async function send(
    input: Pick<PutObjectCommandInput, "Key" | "IfNoneMatch">,
    body: Uint8Array,
    headers: ObjectHeaders,
  ) {
    const all = { ...input, Bucket, Body: body, ContentLength: body.length };
    await call(client.send(new PutObjectCommand({ ...all, ...headersOf(headers) })));
  }
  return {
    put: (Key, body, headers) => send({ Key }, body, headers),
    create: (Key, body, headers) => send({ Key, IfNoneMatch: "*" }, body, headers),
    putDigested: ({ headers, ...sent }, signal) =>
      sendDigested(aws, sent, signal, (input, { client, options, signed }) => {
        const command = new PutObjectCommand({ ...input, ...headersOf(headers) });
        command.middlewareStack.add(signed, SIGNED_AT);
        return client.send(command, options);
      }),
    async get(key, start, end, etag) {
      const command = new GetObjectCommand({
        ...{ Bucket, Key: key, Range: `bytes=${start}-${end - 1}` },
        ...(etag ? { IfMatch: etag } : {}),
      });
      const answer = await readWith((reader) =>
        callOr(reader.send(command), ["NoSuchKey", "NotFound", "InvalidRange"]),
      );
      if (!answer) return undefined;
      requireRange(answer.ContentRange, start, end, answer.Body);
      return { etag: answer.ETag ?? "", pieces: readBody(answer.Body) };
    },
    sign(Key, { expiresIn, type, disposition }) {
      const command = new GetObjectCommand({
        ...{ Bucket, Key, ResponseContentType: type, ResponseContentDisposition: disposition },
        ResponseCacheControl: "private, no-cache",
      });
      return call(getSignedUrl(client, command, { expiresIn }));
    },
    async head(key) {
      const mode = hasChecksums ? ({ ChecksumMode: "ENABLED" } as const) : {};
      const command = new HeadObjectCommand({ Bucket, Key: key, ...mode });
      const answer = await callOr(client.send(command), ["NoSuchKey", "NotFound"]);
      if (!answer) return undefined;
      const { ContentLength: size = 0, ETag: etag = "", Metadata: metadata = {} } = answer;
      return { size, etag, metadata, ...partsDigestOf(answer.ChecksumSHA256) };
    },
    async delete(key) {
      await callOr(client.send(new DeleteObjectCommand({ Bucket, Key: key })), ["NoSuchKey"]);
    },
    async deleteMany(keys) {
      const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
      const { Errors = [] } = await call(client.send(new DeleteObjectsCommand({ Bucket, Delete })));
      const [first] = Errors;
      if (!first) return;
      const { Code: code = "InternalError", Message: message = "" } = first;
      throw new S3Error({ kind: "refused", status: 200, code, message });
    },
    async list(prefix, after) {
      const marker = after === undefined ? {} : { ContinuationToken: after };
      const command = new ListObjectsV2Command({ Bucket, Prefix: prefix, ...marker });
      let answeredAt = 0;
      command.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          answeredAt = dateOf(result.response);
          return result;
        },
        { step: "deserialize", name: "date" },
      );
      const { Contents = [], NextContinuationToken: next } = await call(client.send(command));
      const items = Contents.map(({ Key: key = "", Size: size = 0, LastModified }) => ({
        ...{ key, size },
        // What has no age is young: the old are removed.
        modifiedAt: LastModified?.getTime() ?? answeredAt,
      }));
      return { items, answeredAt, ...(next === undefined ? {} : { next }) };
    },
  };
}

/** A digest with the number of parts behind it; one that stands alone is that of an object that came whole. */
function partsDigestOf(said: string | undefined): Pick<ObjectFacts, "partsDigest"> {
  const [, text = "", count] = /^([A-Za-z0-9+/]{43}=)-(\d{1,5})$/.exec(said ?? "") ?? [];
  const sha256 = decodeBase64(text);
  return sha256?.length === DIGEST_SIZE ? { partsDigest: { sha256, count: Number(count) } } : {};
}

type Send<T> = (client: S3Client) => Promise<T>;

/** Readers who take their time would keep the connections that parts and everything else need, as many of them as there are: so they have half of them, and all others their own. */
function createReads({ forReads: { few, fewMax, many } }: Pick<Aws, "forReads">) {
  let count = 0;
  return async <T extends { readonly Body?: unknown } | undefined>(send: Send<T>): Promise<T> => {
    if (count >= fewMax) return send(many);
    count++;
    let body: unknown;
    try {
      const answer = await send(few);
      body = answer?.Body;
      return answer;
    } finally {
      if (body instanceof Readable && !body.closed) body.once("close", () => count--);
      else count--;
    }
  };
}

/** What stands between us and a store may answer with other bytes, or with all of them. @throws S3Error */
function requireRange(said: string | undefined, start: number, end: number, body: unknown): void {
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(said ?? "") ?? [];
  if (Number(first) === start && Number(last) < end) return;
  if (body instanceof Readable) body.destroy();
  const message = `bytes ${start}-${end - 1} were asked for, and ${said ?? "no range"} came`;
  throw new S3Error({ kind: "refused", status: 200, code: "OtherRange", message });
}

/** The SDK gives it to nobody. */
function dateOf(response: unknown): number {
  const { headers = {} } = response as { headers?: Readonly<Record<string, string>> };
  return Date.parse(headers["date"] ?? "") || 0;
}

async function* readBody(body: unknown): AsyncGenerator<Uint8Array, void, void> {
  if (!(body instanceof Readable)) throw new TypeError("the SDK gave no stream");
  try {
    for await (const piece of body) yield piece;
  } catch (error) {
    throw faultOf(error);
  } finally {
    body.destroy();
  }
}

/** As the SDK names them. */
export function headersOf({ type, metadata, storageClass, encryption, tags }: ObjectHeaders): {
  readonly ContentType: string;
  readonly Metadata?: Record<string, string>;
  readonly StorageClass?: StorageClass;
  readonly ServerSideEncryption?: ServerSideEncryption;
  readonly SSEKMSKeyId?: string;
  readonly Tagging?: string;
} {
  return {
    ContentType: type,
    ...(metadata ? { Metadata: { ...metadata } } : {}),
    // The store knows which classes it has; a wrong one it refuses by name.
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as StorageClass }),
    ...(encryption ? encryptionOf(encryption) : {}),
    ...(tags === undefined ? {} : { Tagging: tags }),
  };
}

function encryptionOf({ algorithm, keyId }: NonNullable<ObjectHeaders["encryption"]>): {
  readonly ServerSideEncryption: ServerSideEncryption;
  readonly SSEKMSKeyId?: string;
} {
  const named = { ServerSideEncryption: algorithm as ServerSideEncryption };
  return keyId === undefined ? named : { ...named, SSEKMSKeyId: keyId };
}
