// The storage on S3 passes the contract of every storage of parts, over a store that does all that AWS does.
import { describePartStorageContract } from "@holdfast/testkit/contracts/part-storage";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import { createAwsCalls, createS3Storage } from "./index.ts";

let double: S3Double;

beforeAll(async () => {
  double = await startS3Double();
});

afterAll(() => double.close());

describePartStorageContract("S3", async () => {
  const { endpoint, bucketName: bucket, credentials } = double;
  const calls = createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials });
  const platform = { clock: systemClock, random: systemRandom };
  return {
    storage: createS3Storage({ calls, ...platform, prefix: "ours/" }),
    async bring({ url, method, headers }, bytes) {
      const body = bytes.slice();
      const { ok } = await fetch(url, { method, headers: { ...headers }, body });
      return ok;
    },
    async dispose() {
      calls.close();
      double.bucket.objects.clear();
      double.bucket.multiparts.clear();
    },
  };
});
