// SeaweedFS keeps the contract of the S3 calls.
import { createAwsCalls } from "@holdfast/server/storage/s3";
import { afterAll, beforeAll } from "vitest";
import { type S3CallsRig, s3CallsContract } from "../contracts/s3-calls.ts";
import { type Seaweed, startSeaweed } from "./seaweed.ts";

let seaweed: Seaweed;
let rig: S3CallsRig;

beforeAll(async () => {
  seaweed = await startSeaweed();
  const { url: endpoint, accessKeyId, secretAccessKey } = seaweed;
  const credentials = { accessKeyId, secretAccessKey };
  const calls = createAwsCalls({ bucket: "contract", region: "us-east-1", endpoint, credentials });
  await calls.bucket.create();
  rig = { calls, prefix: "contract/", listsDigests: false };
});

afterAll(async () => {
  rig.calls.close();
  await seaweed.stop();
});

s3CallsContract(() => rig);
