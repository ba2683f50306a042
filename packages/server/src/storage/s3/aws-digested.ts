// A body that is sent with its digest: as part of the request's signature, and in a field of its own where the store knows that.
import type { S3Client } from "@aws-sdk/client-s3";
import { encodeBase64 } from "@holdfast/protocol";
import { type Aws, bodyOf, call, clientFor, signDigest, untilBroken } from "./aws-call.ts";
import type { PartCall } from "./calls.ts";

/** What the commands that send one have in common, as the SDK names it. */
export interface DigestedInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body: ReturnType<typeof bodyOf>;
  readonly ContentLength: number;
  readonly ChecksumSHA256?: string;
}

/** How a command with it goes out. */
export interface DigestedWay {
  readonly client: S3Client;
  readonly options: { readonly abortSignal: AbortSignal };
  /** To be in the command's stack, at `SIGNED_AT`. */
  readonly signed: <Given extends { readonly request: unknown }, Output>(
    next: (given: Given) => Promise<Output>,
  ) => (given: Given) => Promise<Output>;
}

export const SIGNED_AT = { step: "build", name: "digest" } as const;

/** Resolves when the store has it, and has found it to be what was signed. */
export async function sendDigested(
  aws: Aws,
  { key, size, sha256, body }: Pick<PartCall, "key" | "size" | "sha256" | "body">,
  signal: AbortSignal | undefined,
  send: (input: DigestedInput, way: DigestedWay) => Promise<unknown>,
): Promise<void> {
  const sent = bodyOf(body);
  const input = {
    ...{ Bucket: aws.bucket, Key: key, Body: sent, ContentLength: size },
    ...(aws.hasChecksums ? { ChecksumSHA256: encodeBase64(sha256) } : {}),
  };
  const signed: DigestedWay["signed"] = (next) => (given) => {
    signDigest(given.request, sha256);
    return next(given);
  };
  const options = { abortSignal: untilBroken(sent, signal) };
  await call(send(input, { client: clientFor(aws, body), options, signed }));
}
