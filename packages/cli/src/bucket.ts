// The address of a bucket, as far as it can be judged without what serves it: the parameters in it are read by the storage.
import { HoldfastError } from "@holdfast/protocol";

/** @throws HoldfastError `usage`, without the address in it: what is wrong there may be a secret. */
export function parseBucket(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== "s3:" || url.host === "") {
    throw new HoldfastError("usage", "not the address of a bucket", {
      hint: "It is like s3://BUCKET/PREFIX?region=REGION.",
    });
  }
  if (url.username === "" && url.password === "") return text;
  throw new HoldfastError("usage", "credentials do not belong into an address", {
    hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
  });
}
