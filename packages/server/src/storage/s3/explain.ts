// What a failed call says of the settings: which one is to blame, and what to do about it.
import { isRefusal, S3Error } from "./calls.ts";
import { isPassing } from "./failure.ts";

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

export interface Explanation {
  readonly says: string;
  readonly setting?: Setting;
  readonly remedy?: string;
  /** The store has answered that it could not now: another time it may be otherwise. */
  readonly mayPass?: true;
}

export function explain(error: unknown): Explanation {
  const says = error instanceof Error ? error.message : String(error);
  if (error instanceof S3Error && error.fault.kind === "unanswered") return unanswered(says);
  if (error instanceof S3Error && error.fault.kind === "unsent") return unsent(says);
  for (const [codes, setting, remedy] of REMEDIES) {
    if (isRefusal(error, ...codes)) return { says, setting, remedy };
  }
  const remedy = "Look what the store itself says of it: its log, or its documentation.";
  return isPassing(error) ? { says, remedy, mayPass: true } : { says, remedy };
}

function unanswered(says: string): Explanation {
  if (/certificate|CERT_|SELF_SIGNED/i.test(says)) {
    const remedy =
      "The certificate there is not trusted: name its authority in NODE_EXTRA_CA_CERTS.";
    return { says, setting: "endpoint", remedy };
  }
  const remedy = "Check endpoint, or region where the store is that of AWS: no S3 answers there.";
  return { says, setting: "endpoint", remedy };
}

function unsent(says: string): Explanation {
  if (says.includes("Region")) {
    const remedy = "Write ?region=REGION, or set AWS_REGION.";
    return { says: "it is not known in which region the bucket is", setting: "region", remedy };
  }
  const remedy =
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role.";
  return { says: `there are no credentials: ${says}`, setting: "credentials", remedy };
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
