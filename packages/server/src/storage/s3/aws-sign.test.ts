// Signing many parts: each request is the one that the SDK would have signed by itself.
import { S3Client, UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { encodeBase64 } from "@holdfast/protocol";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createPartSigner } from "./aws-sign.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 21, 12) });
});
afterEach(() => {
  vi.useRealTimers();
});

const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret of nobody" };
const UPLOAD = { uploadId: "2~it's(one)*/+=&", expiresIn: 900 };
const partOf = (key: string, number: number) => ({
  ...{ ...UPLOAD, key, number },
  size: 8_000_000 + number,
  sha256: new Uint8Array(32).fill(number),
});

function theirs(client: S3Client, { key, number, size, sha256 }: ReturnType<typeof partOf>) {
  const { uploadId: UploadId, expiresIn } = UPLOAD;
  const command = new UploadPartCommand({
    ...{ Bucket: "files", Key: key, UploadId, PartNumber: number, ContentLength: size },
    ChecksumSHA256: encodeBase64(sha256),
  });
  const unhoistableHeaders = new Set(["x-amz-checksum-sha256"]);
  return getSignedUrl(client, command, { expiresIn, unhoistableHeaders });
}

it.each([
  ["at AWS", {}],
  ["at an endpoint", { endpoint: "https://store.example:9000", forcePathStyle: true }],
  ["at the usual port", { endpoint: "http://store.example", forcePathStyle: true }],
  ["for another region", { region: "eu-west-2" }],
  ["with a session's token", { credentials: { ...KEYS, sessionToken: "it/is+a=token" } }],
])("is the same %s", async (_, config) => {
  const client = new S3Client({
    ...{ region: "us-east-1", credentials: KEYS, requestChecksumCalculation: "WHEN_REQUIRED" },
    ...config,
  });
  const sign = createPartSigner({ client, bucket: "files" });
  const keys = ["tenant/a b+c'(é)*", "another"];
  const parts = keys.flatMap((key) => [1, 2, 10_000].map((number) => partOf(key, number)));
  const signed = await Promise.all(parts.map((part) => sign(part)));
  vi.setSystemTime(Date.UTC(2026, 10, 21, 13));
  const later = await Promise.all(parts.map((part) => sign(part)));
  const expectedLater = await Promise.all(parts.map((part) => theirs(client, part)));
  expect(later.map(({ url }) => url)).toEqual(expectedLater);
  vi.setSystemTime(Date.UTC(2026, 10, 21, 12));
  const expected = await Promise.all(parts.map((part) => theirs(client, part)));
  expect(signed.map(({ url }) => url)).toEqual(expected);
  const [first] = signed;
  expect(first?.headers).toEqual({
    "x-amz-checksum-sha256": encodeBase64(new Uint8Array(32).fill(1)),
  });
});

it("follows credentials that are renewed", async () => {
  let round = 0;
  const credentials = async () => ({
    ...KEYS,
    accessKeyId: `ROUND${round}`,
    expiration: new Date(Date.now() + round * 1000),
  });
  const client = new S3Client({
    region: "us-east-1",
    credentials,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  const sign = createPartSigner({ client, bucket: "files" });
  const { url: before } = await sign(partOf("key", 1));
  expect(before).toContain("ROUND0%2F");
  round = 1;
  const { url: after } = await sign(partOf("key", 2));
  expect(after).toContain("ROUND1%2F");
});
