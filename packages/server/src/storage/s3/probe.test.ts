// What is found out about a store before anybody relies on it.
import { randomBytes } from "node:crypto";
import { type S3DoubleOptions, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterEach, expect, it } from "vitest";
import { type AwsOptions, createAwsCalls, type Finding, probe } from "./index.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function look(options: S3DoubleOptions & { as?: Partial<AwsOptions> } = {}) {
  const double = await startS3Double(options);
  const { endpoint, bucketName: bucket, credentials } = double;
  const where = { bucket, region: "us-east-1", endpoint, credentials, idleMs: 1_000 };
  const calls = createAwsCalls({ ...where, ...options.as });
  ends.push(double.close, async () => calls.close());
  const name = randomBytes(4).toString("hex");
  const findings = () => probe({ calls, prefix: "ours/", name, send });
  return { double, calls, findings };
}

async function send(
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
  body: Uint8Array,
): Promise<number> {
  const response = await fetch(url, { method: "PUT", headers, body: new Uint8Array(body) });
  return response.status;
}

const states = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.map(({ what, state }) => [what, state]));

it("finds all that AWS can do, and leaves nothing behind", async () => {
  const { double, calls, findings } = await look();
  const rule = { origins: ["*"], methods: ["PUT"], headers: ["*"], exposed: [], maxAgeSeconds: 1 };
  await calls.bucket.setCors([rule]);
  await calls.bucket.setStageDays("", 7);
  expect(states(await findings())).toEqual({
    ...{ access: "yes", write: "yes", digests: "yes", listing: "yes", signed: "yes", read: "yes" },
    ...{ cors: "yes", lifecycle: "yes" },
  });
  expect(double.bucket.objects.size + double.bucket.multiparts.size).toBe(0);
});

it("says what a bucket has not been set to", async () => {
  const { findings } = await look();
  expect(states(await findings())).toMatchObject({ cors: "limited", lifecycle: "limited" });
});

it("finds a store without checksums good for uploads through the server only", async () => {
  const { findings } = await look({ profile: "swift", as: { hasChecksums: false } });
  expect(states(await findings())).toMatchObject({
    ...{ write: "yes", digests: "yes", listing: "limited", signed: "limited", read: "yes" },
  });
});

it.each([
  ["bucket", { bucket: "another" }, "bucket's name"],
  ["key", { credentials: { accessKeyId: "NO", secretAccessKey: "no" } }, "AWS_ACCESS_KEY_ID"],
  [
    "secret",
    { credentials: { accessKeyId: "HOLDFASTDOUBLE", secretAccessKey: "no" } },
    "AWS_SECRET_ACCESS_KEY",
  ],
  ["endpoint", { endpoint: "http://127.0.0.1:9" }, "endpoint"],
])("names the %s that is wrong", async (_, as, remedy) => {
  const { findings } = await look({ as });
  const found = await findings();
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ what: "access", state: "no" });
  expect(found[0]?.remedy).toContain(remedy);
});

it("names a clock that is wrong", async () => {
  const { findings } = await look({ now: () => Date.now() - 20 * 60_000 });
  const [found] = await findings();
  expect(found).toMatchObject({ what: "access", state: "no" });
  expect(found?.remedy).toContain("clock");
});
