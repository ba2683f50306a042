// Multipart uploads, by the SDK.
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type Part,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { decodeBase64, encodeBase64 } from "@holdfast/protocol";
import { type Aws, call } from "./aws-call.ts";
import { SIGNED_AT, sendDigested } from "./aws-digested.ts";
import { headersOf } from "./aws-objects.ts";
import { createPartSigner } from "./aws-sign.ts";
import type { ListedPart, MultipartCalls } from "./calls.ts";

export function multipartCalls(aws: Aws): MultipartCalls {
  const { client, bucket, hasChecksums } = aws;
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
    put: ({ uploadId: UploadId, number: PartNumber, ...sent }, signal) =>
      sendDigested(aws, sent, signal, (input, { client, options, signed }) => {
        const command = new UploadPartCommand({ ...input, UploadId, PartNumber });
        command.middlewareStack.add(signed, SIGNED_AT);
        return client.send(command, options);
      }),
    async copy({ key, uploadId, number, from }) {
      const CopySource = `${Bucket}/${from.split("/").map(encodeURIComponent).join("/")}`;
      const input = { Bucket, Key: key, UploadId: uploadId, PartNumber: number, CopySource };
      await call(client.send(new UploadPartCopyCommand(input)));
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

function listedPart({ PartNumber = 0, Size = 0, ETag = "", ChecksumSHA256 }: Part): ListedPart {
  const sha256 = ChecksumSHA256 === undefined ? undefined : decodeBase64(ChecksumSHA256);
  return { number: PartNumber, size: Size, etag: ETag, ...(sha256 ? { sha256 } : {}) };
}

/** Parts that any store lists at once. */
const PAGE_MAX = 1000;
