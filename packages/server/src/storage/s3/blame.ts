// Which setting is to blame for what a store answers, and what to do about it.
import type { S3Fault } from "./calls.ts";

/** What people can set, in the location or around it. */
export type Setting =
  | "bucket"
  | "endpoint"
  | "region"
  | "storage-class"
  | "sse"
  | "kms-key"
  | "tags"
  | "checksums"
  | "direct"
  | "credentials"
  | "rights"
  | "clock";

export interface Blame {
  readonly setting: Setting;
  readonly remedy: string;
}

/** Undefined where no setting would help. */
export function blameOf(fault: S3Fault): Blame | undefined {
  if (fault.kind !== "refused") return undefined;
  const found = REMEDIES.find(([codes]) => codes.includes(fault.code));
  return found && { setting: found[1], remedy: found[2] };
}

const REMEDIES: readonly (readonly [codes: readonly string[], setting: Setting, remedy: string])[] =
  [
    [
      ["NoSuchBucket", "NotFound", "InvalidBucketName"],
      "bucket",
      "Check the bucket's name, or have it made: holdfast storage init --make-bucket",
    ],
    [
      ["BucketAlreadyExists"],
      "bucket",
      "Take another name: it is somebody else's, and names are the store's own.",
    ],
    [
      ["InvalidAccessKeyId", "InvalidToken", "InvalidClientTokenId"],
      "credentials",
      "Check AWS_ACCESS_KEY_ID: the store does not know it.",
    ],
    [
      ["SignatureDoesNotMatch"],
      "credentials",
      "Check AWS_SECRET_ACCESS_KEY, and the endpoint's path.",
    ],
    [
      ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"],
      "credentials",
      "The credentials have expired: renew them.",
    ],
    [
      ["RequestTimeTooSkewed", "RequestExpired"],
      "clock",
      "Set this machine's clock, it differs by more than the store allows: timedatectl set-ntp true",
    ],
    [
      [
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "InvalidLocationConstraint",
        "InvalidRegionName",
      ],
      "region",
      "Write ?region=REGION with the region that the bucket is in.",
    ],
    [["InvalidStorageClass"], "storage-class", "Take a class that the store has, or none."],
    [
      [
        "KMS.NotFoundException",
        "KMS.DisabledException",
        "KMS.KMSInvalidStateException",
        "KMSNotConfigured",
      ],
      "kms-key",
      "Check kms-key: it must be there, in the bucket's region, and in use.",
    ],
    [["InvalidEncryptionAlgorithmError"], "sse", "Take an encryption that the store has, or none."],
    [["InvalidTag"], "tags", "Check tags: names and values that the store takes, each name once."],
    [
      ["AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem"],
      "rights",
      "Give these credentials the rights that docs/storage-s3.md lists.",
    ],
  ];
