// What a failed call says of the settings: which one is to blame, and what to do about it.
import { blameOf, type Setting } from "./blame.ts";
import { S3Error } from "./calls.ts";
import { isPassing } from "./failure.ts";

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
  const blame = error instanceof S3Error ? blameOf(error.fault) : undefined;
  if (blame) return { says, ...blame };
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
