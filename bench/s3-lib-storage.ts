// Sends one file by @aws-sdk/lib-storage as its documentation does: `node s3-lib-storage.ts FILE ENDPOINT BUCKET KEY CONCURRENCY PART-SIZE`.
import { createReadStream } from "node:fs";
import { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

const [path = "", endpoint = "", bucket = "", key = "", queueSize, partSize] =
  process.argv.slice(2);
const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true });
const params = { Bucket: bucket, Key: key, Body: createReadStream(path) };
await new Upload({
  client,
  params,
  queueSize: Number(queueSize),
  partSize: Number(partSize),
}).done();
