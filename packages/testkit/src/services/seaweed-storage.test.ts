// The storage on S3 over SeaweedFS passes the contract of every storage of parts.
import { randomBytes } from "node:crypto";
import { createAwsCalls, createS3Storage, type S3Calls } from "@holdfast/server/storage/s3";
import { afterAll, beforeAll } from "vitest";
import { describePartStorageContract } from "../contracts/part-storage.ts";
import { type Seaweed, startSeaweed } from "./seaweed.ts";

let seaweed: Seaweed;
let calls: S3Calls;
let prefixes = 0;

beforeAll(async () => {
  seaweed = await startSeaweed();
  const { url: endpoint, accessKeyId, secretAccessKey } = seaweed;
  const credentials = { accessKeyId, secretAccessKey };
  calls = createAwsCalls({ bucket: "storage", region: "us-east-1", endpoint, credentials });
  await calls.bucket.create();
});

afterAll(async () => {
  calls.close();
  await seaweed.stop();
});

const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms: number, task: () => void) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

describePartStorageContract("SeaweedFS", async () => ({
  storage: createS3Storage({
    ...{ calls, clock, random: { bytes: (size) => new Uint8Array(randomBytes(size)) } },
    prefix: `storage-${prefixes++}/`,
  }),
  async bring({ url, method, headers }, bytes) {
    const { ok } = await fetch(url, { method, headers: { ...headers }, body: bytes.slice() });
    return ok;
  },
  // With the whole SeaweedFS, at the end.
  dispose: async () => undefined,
}));
