// Multipart uploads, by the SDK.
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type Part,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { decodeBase64, encodeBase64, encodeHex } from "@holdfast/protocol";
import { type Aws, bodyOf, call } from "./aws-call.ts";
import { headersOf } from "./aws-objects.ts";
import { createPartSigner } from "./aws-sign.ts";
import type { ListedPart, MultipartCalls } from "./calls.ts";

export function multipartCalls({ client, bucket, hasChecksums }: Aws): MultipartCalls {
  const Bucket = bucket;
  const algorithm = hasChecksums ? ({ ChecksumAlgorithm: "SHA256" } as const) : {};
  const checksumOf = (sha256: Uint8Array) =>
    hasChecksums ? { ChecksumSHA256: encodeBase64(sha256) } : {};
  return {
    async create(key, headers) {
      const input = {
        Bucket,
        Key: key,
        ...headersOf(headers),
        ...algorithm,
      };
      const { UploadId } = await call(client.send(new CreateMultipartUploadCommand(input)));
      return UploadId ?? "";
    },
    async put({ key, uploadId, number, size, sha256, body }, signal) {
      const sent = bodyOf(body);
      const command = new UploadPartCommand({
        ...{ Bucket, Key: key, UploadId: uploadId, PartNumber: number },
        ContentLength: size,
        ...checksumOf(sha256),
        Body: sent,
      });
      // The signature covers the digest too, so that no store can overlook it, and nobody hashes the bytes again.
      command.middlewareStack.add(
        (next) => (args) => {
          const { headers } = args.request as { headers: Record<string, string> };
          headers["x-amz-content-sha256"] = encodeHex(sha256);
          return next(args);
        },
        { step: "build", name: "digest" },
      );
      await call(client.send(command, { abortSignal: untilBroken(sent, signal) }));
    },
    async complete({ key, uploadId }, parts) {
      const command = new CompleteMultipartUploadCommand({
        ...{ Bucket, Key: key, UploadId: uploadId },
        MultipartUpload: {
          Parts: parts.map(({ number, etag, sha256 }) => ({
            PartNumber: number,
            ETag: etag,
            ...checksumOf(sha256),
          })),
        },
      });
      await call(client.send(command));
    },
    async abort({ key, uploadId }) {
      const input = { Bucket, Key: key, UploadId: uploadId };
      await call(client.send(new AbortMultipartUploadCommand(input)));
    },
    async parts({ key, uploadId }, after, most) {
      const marker = after === undefined ? {} : { PartNumberMarker: String(after) };
      const limit = most === undefined ? {} : { MaxParts: Math.min(most, PAGE_MAX) };
      const input = { Bucket, Key: key, UploadId: uploadId, ...marker, ...limit };
      const {
        Parts = [],
        IsTruncated,
        NextPartNumberMarker,
      } = await call(client.send(new ListPartsCommand(input)));
      const items = Parts.map(listedPart);
      const last = Number(NextPartNumberMarker ?? items.at(-1)?.number ?? 0);
      return IsTruncated ? { items, next: last } : { items };
    },
    async list(prefix, after) {
      const marker = after ? { KeyMarker: after.key, UploadIdMarker: after.uploadId } : {};
      const answer = await call(
        client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: prefix, ...marker })),
      );
      const items = (answer.Uploads ?? []).map(({ Key = "", UploadId = "", Initiated }) => ({
        key: Key,
        uploadId: UploadId,
        startedAt: Initiated?.getTime() ?? Number.POSITIVE_INFINITY,
      }));
      const { NextKeyMarker: key, NextUploadIdMarker: uploadId = "" } = answer;
      return answer.IsTruncated && key !== undefined
        ? { items, next: { key, uploadId } }
        : { items };
    },
    sign: createPartSigner({ client, bucket }),
  };
}

/** A body that breaks ends its request: the SDK would wait for the rest of it, and the error would have nobody to hear it. */
function untilBroken(body: Uint8Array | Readable, signal?: AbortSignal): AbortSignal {
  const broken = new AbortController();
  if (body instanceof Readable) body.on("error", (cause) => broken.abort(cause));
  return signal ? AbortSignal.any([signal, broken.signal]) : broken.signal;
}

function listedPart({ PartNumber = 0, Size = 0, ETag = "", ChecksumSHA256 }: Part): ListedPart {
  const sha256 = ChecksumSHA256 === undefined ? undefined : decodeBase64(ChecksumSHA256);
  return { number: PartNumber, size: Size, etag: ETag, ...(sha256 ? { sha256 } : {}) };
}

/** Parts that any store lists at once. */
const PAGE_MAX = 1000;
