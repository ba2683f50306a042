// The AWS SDK, loaded when a storage on S3 is asked for.
import { HoldfastError } from "@holdfast/protocol";

const PACKAGES = "@aws-sdk/client-s3 @aws-sdk/s3-request-presigner";

/** @throws HoldfastError `storage_unusable` where it is not installed. */
export async function loadAws(): Promise<typeof import("./aws.ts")> {
  try {
    return await import("./aws.ts");
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    const hint = `Install it beside Holdfast: npm install ${PACKAGES}`;
    const setting = "storage";
    throw new HoldfastError(
      "storage_unusable",
      "the AWS SDK is not installed",
      { setting, hint },
      cause,
    );
  }
}

function isMissing(cause: unknown): boolean {
  if (!(cause instanceof Error) || !("code" in cause)) return false;
  return cause.code === "ERR_MODULE_NOT_FOUND" && cause.message.includes("@aws-sdk/");
}
