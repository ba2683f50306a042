// A server in this process whose bytes lie in a store that speaks S3, in this process too: what the store was asked is counted there, and it goes wrong on demand.
import { join } from "node:path";
import { type RunningServer, serve } from "@holdfast/server";
import {
  type S3Double,
  type S3DoubleOptions,
  startS3Double,
} from "@holdfast/testkit/s3-double/server";

export interface Direct {
  readonly server: RunningServer;
  readonly double: S3Double;
  /** How many parts the store has of uploads that go on. */
  stored(): number;
  close(): Promise<void>;
}

export async function startDirect(
  directory: string,
  options: S3DoubleOptions = {},
): Promise<Direct> {
  const double = await startS3Double(options);
  const { endpoint, bucketName, credentials } = double;
  // Where the SDK looks for them; nothing of whoever runs the tests.
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  });
  const storage = `s3://${bucketName}/ours?endpoint=${endpoint}`;
  const dataDir = join(directory, "data");
  const server = await serve({ dataDir, port: 0, storage, log: () => undefined });
  return {
    server,
    double,
    stored: () =>
      [...double.bucket.multiparts.values()].reduce((parts, one) => parts + one.parts.size, 0),
    async close() {
      await server.close();
      await double.close();
    },
  };
}

/** Requests that brought a part. */
export function brought({ double }: Direct): number {
  return double.counts.get("part") ?? 0;
}
