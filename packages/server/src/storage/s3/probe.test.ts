// What is found out about a store before anybody relies on it.
import { randomBytes } from "node:crypto";
import { type S3DoubleOptions, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterEach, expect, it, vi } from "vitest";
import type { Finding } from "./finding.ts";
import { type AwsOptions, createAwsCalls } from "./index.ts";
import { type ProbeOptions, probe } from "./probe.ts";
import { plainClient } from "./probe-client.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface LookOptions extends S3DoubleOptions, Pick<ProbeOptions, "marks" | "origin"> {
  readonly as?: Partial<AwsOptions>;
}

async function look(options: LookOptions = {}) {
  const double = await startS3Double(options);
  const { endpoint, bucketName: bucket, credentials } = double;
  const where = { bucket, region: "us-east-1", endpoint, credentials, idleMs: 1_000 };
  const calls = createAwsCalls({ ...where, ...options.as });
  ends.push(double.close, async () => calls.close());
  const name = randomBytes(4).toString("hex");
  const { marks = {}, origin } = options;
  const asked = origin === undefined ? { marks } : { marks, origin };
  const probed = () => probe({ calls, prefix: "ours/", name, client: plainClient, ...asked });
  const findings = async () => (await probed()).findings;
  return { double, calls, probed, findings };
}

const states = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.map(({ what, state }) => [what, state]));

it("finds all that AWS can do, and leaves nothing behind", async () => {
  const { double, calls, findings } = await look();
  const rule = { origins: ["*"], methods: ["PUT"], headers: ["*"], exposed: [], maxAgeSeconds: 1 };
  await calls.bucket.setCors([rule]);
  await calls.bucket.setStageDays("", 7);
  expect(states(await findings())).toEqual({
    ...{ access: "yes", write: "yes", digests: "yes", listing: "yes", parts: "yes", signed: "yes" },
    ...{
      unfinished: "yes",
      read: "yes",
      once: "yes",
      remove: "yes",
      cors: "yes",
      lifecycle: "yes",
    },
  });
  expect(double.bucket.objects.size + double.bucket.multiparts.size).toBe(0);
});

it("ends what a look left behind that was killed, and nothing else", async () => {
  const { double, findings } = await look();
  const begun = { headers: new Map(), parts: new Map() };
  for (const [key, minutes] of [
    ["ours/probe/killed", 61],
    ["ours/probe/going-on", 1],
    ["ours/bytes/upload", 61],
    ["theirs/probe/killed", 61],
  ] as const) {
    const startedAt = Date.now() - minutes * 60_000;
    double.bucket.multiparts.set(key, { ...begun, id: key, key, startedAt });
  }
  await findings();
  expect([...double.bucket.multiparts.keys()]).toEqual([
    ...["ours/probe/going-on", "ours/bytes/upload", "theirs/probe/killed"],
  ]);
});

it("says what a bucket has not been set to", async () => {
  const { findings } = await look();
  expect(states(await findings())).toMatchObject({ cors: "limited", lifecycle: "limited" });
});

it("finds a store without checksums good for uploads through the server only", async () => {
  const { probed } = await look({ profile: "swift", as: { hasChecksums: false } });
  const { findings, partCountMax } = await probed();
  expect(states(findings)).toMatchObject({
    ...{ write: "yes", digests: "yes", listing: "yes", parts: "limited", signed: "limited" },
    read: "yes",
  });
  expect(partCountMax).toBe(1000);
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

it("notices a store that looks at nothing that it is told", async () => {
  const { findings } = await look({ profile: "moto" });
  const found = await findings();
  expect(found.at(-1)).toMatchObject({ what: "digests", state: "no" });
});

it("notices a store whose signed requests take any bytes", async () => {
  const { findings } = await look({ profile: "ceph" });
  expect(states(await findings())).toMatchObject({
    digests: "yes",
    signed: "limited",
    read: "yes",
    once: "limited",
  });
});

it.each([
  ["create", "write", "no"],
  ["part", "write", "no"],
  ["list-parts", "listing", "no"],
  ["list-uploads", "unfinished", "limited"],
  ["complete", "read", "no"],
  ["get", "read", "no"],
  ["put", "read", "no"],
  ["abort", "remove", "limited"],
  ["delete", "remove", "limited"],
  ["cors", "cors", "limited"],
  ["lifecycle", "lifecycle", "limited"],
] as const)("notices that the right to %s is missing", async (operation, what, state) => {
  const { double, findings } = await look();
  double.fault({
    operation,
    times: 9,
    fault: { kind: "refuse", status: 403, code: "AccessDenied" },
  });
  const found = await findings();
  const denied = found.filter(({ says }) => says.includes("AccessDenied"));
  expect(denied).toMatchObject([
    { what, state, remedy: expect.stringMatching(/rights|credentials/) },
  ]);
});

it.each([
  ["storage-class", { storageClass: "COLDEST" }],
  ["sse", { encryption: { algorithm: "aws:other" } }],
  ["sse", { encryption: { algorithm: "aws:other", keyId: "key" } }],
  ["kms-key", { encryption: { algorithm: "aws:kms", keyId: "missing" } }],
])("names %s where the store does not take it", async (setting, mark) => {
  const { double, findings } = await look({ marks: { tags: "a=b", ...mark } });
  expect((await findings()).at(-1)).toMatchObject({ what: "write", state: "no", setting });
  expect(double.bucket.multiparts.size).toBe(0);
});

it.each([
  ["https://app.example", "yes"],
  ["https://a.pages.example", "yes"],
  ["https://other.example", "limited"],
])("looks whether pages of %s may send parts", async (origin, state) => {
  const { calls, findings } = await look({ origin });
  const origins = ["https://app.example", "https://*.pages.example"];
  await calls.bucket.setCors([{ origins, methods: ["PUT"], headers: ["*"], exposed: [] }]);
  expect(states(await findings())["cors"]).toBe(state);
});

it("asks as a browser does, where the rules may not be read or do not hold", async () => {
  const { double, calls, findings } = await look({ origin: "https://app.example" });
  const denied = { kind: "refuse", status: 403, code: "AccessDenied" } as const;
  double.fault({ operation: "cors", fault: denied });
  const shut = (await findings()).find(({ what }) => what === "cors");
  expect(shut).toMatchObject({ state: "limited", says: expect.stringContaining("may not send") });
  const rule = { origins: ["*"], methods: ["PUT"], headers: ["*"], exposed: [] };
  await calls.bucket.setCors([rule]);
  double.fault({ operation: "cors", fault: denied });
  expect(states(await findings())["cors"]).toBe("yes");
  double.clearFaults();
  double.fault({ operation: "preflight", fault: denied });
  const late = (await findings()).find(({ what }) => what === "cors");
  expect(late).toMatchObject({ state: "limited", says: expect.stringContaining("although") });
});

it("warns of a rule that ends uploads within a day", async () => {
  const { calls, findings } = await look();
  await calls.bucket.setStageDays("", 1);
  expect(states(await findings())["lifecycle"]).toBe("limited");
});

it("names the region that nobody has said", async () => {
  vi.stubEnv("AWS_REGION", undefined);
  vi.stubEnv("AWS_CONFIG_FILE", "/dev/null");
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const calls = createAwsCalls({ bucket: "files", credentials });
  const { findings } = await probe({ calls, prefix: "", name: "a", client: plainClient });
  calls.close();
  vi.unstubAllEnvs();
  expect(findings).toMatchObject([{ what: "access", state: "no", setting: "region" }]);
});
