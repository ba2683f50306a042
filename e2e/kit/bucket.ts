// A bucket for servers of tests: its address, and the credentials that go with it and nobody else's.
import { initS3, parseS3Location } from "@holdfast/server";
import { type AwsOptions, createAwsCalls } from "@holdfast/server/storage/s3";
import type { S3Double } from "@holdfast/testkit/s3-double/server";
import { startSeaweed } from "@holdfast/testkit/services/seaweed";

export type Environment = Readonly<Record<string, string>>;

/** Nothing of whoever runs the tests. */
export function credentialsOf(keys: {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}): Environment {
  return {
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_SESSION_TOKEN: "",
    AWS_PROFILE: "",
    AWS_REGION: "",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
}

/** A store with a bucket that is set as it should be. */
export interface Store {
  readonly url: string;
  /** What a server needs to keep its bytes below a prefix there. @param options Of the location: `&part-size-min=5M` */
  env(prefix: string, options?: string): Environment;
  /** What is there below a prefix. */
  look(prefix: string): Promise<Found>;
  /** Writes over an object, or makes one, as somebody with a key to the bucket may. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Ends every multipart upload below a prefix, as a rule of the bucket does. */
  drop(prefix: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Found {
  /** Keys of objects, in order, without the prefix. */
  readonly objects: readonly string[];
  /** Multipart uploads that have not ended. */
  readonly unfinished: number;
  /** Parts that lie in these. */
  readonly parts: number;
}

type Keys = NonNullable<AwsOptions["credentials"]>;

async function look(url: string, bucket: string, credentials: Keys, prefix: string) {
  const calls = createAwsCalls({ bucket, endpoint: url, region: "us-east-1", credentials });
  try {
    const { items } = await calls.objects.list(`${prefix}/`);
    const begun = await calls.multipart.list(`${prefix}/`);
    const objects = items.map(({ key }) => key.slice(prefix.length + 1)).sort();
    let parts = 0;
    for (const one of begun.items) parts += (await calls.multipart.parts(one)).items.length;
    return { objects, unfinished: begun.items.length, parts };
  } finally {
    calls.close();
  }
}

async function drop(url: string, bucket: string, credentials: Keys, prefix: string) {
  const calls = createAwsCalls({ bucket, endpoint: url, region: "us-east-1", credentials });
  try {
    const { items } = await calls.multipart.list(`${prefix}/`);
    for (const one of items) await calls.multipart.abort(one);
  } finally {
    calls.close();
  }
}

async function put(url: string, bucket: string, credentials: Keys, key: string, bytes: Uint8Array) {
  const calls = createAwsCalls({ bucket, endpoint: url, region: "us-east-1", credentials });
  try {
    await calls.objects.put(key, bytes, { type: "application/octet-stream" });
  } finally {
    calls.close();
  }
}

function storeAt(url: string, bucket: string, keys: Keys): Omit<Store, "stop"> {
  return {
    url,
    env: (prefix, options = "") => ({
      ...credentialsOf(keys),
      HOLDFAST_STORAGE: `s3://${bucket}/${prefix}?endpoint=${url}${options}`,
    }),
    look: (prefix) => look(url, bucket, keys, prefix),
    put: (key, bytes) => put(url, bucket, keys, key, bytes),
    drop: (prefix) => drop(url, bucket, keys, prefix),
  };
}

/** The store for tests that is in this process. */
export function inDouble(double: S3Double): Store {
  const { endpoint, bucketName, credentials, close } = double;
  return { ...storeAt(endpoint, bucketName, credentials), stop: close };
}

/** A real store, with as many buckets as are wanted. */
export interface RealStore extends Store {
  /** Another bucket of it, set as it should be; it goes with the store. */
  another(bucket: string): Promise<Store>;
}

/** A real one. @param through What stands before it gives the address that servers and clients know it by. @param origins Of pages that may send parts to it. */
export async function startStore(
  through: (url: string) => Promise<string> = async (url) => url,
  origins: readonly string[] = [],
): Promise<RealStore> {
  const { url, accessKeyId, secretAccessKey, stop } = await startSeaweed();
  const credentials = { accessKeyId, secretAccessKey };
  async function another(bucket: string): Promise<Store> {
    const wants = { origins, stageDays: 7, makesBucket: true, isDryRun: false, credentials };
    const steps = await initS3(parseS3Location(`s3://${bucket}?endpoint=${url}`), wants);
    const failed = steps.find(({ state }) => state === "failed");
    if (failed) throw new Error(`the bucket cannot be made: ${failed.says}`);
    return { ...storeAt(await through(url), bucket, credentials), stop: async () => undefined };
  }
  try {
    return { ...(await another("files")), another, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
