// `holdfast doctor --storage` and `holdfast storage init` as somebody runs them, against a store that speaks S3.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventOf, run, type Said } from "./kit/cli.ts";

const ORIGIN = "https://app.example";

let home: string;
let double: S3Double;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-storage-"));
});
afterAll(() => rm(home, { recursive: true }));
beforeEach(async () => {
  double = await startS3Double({ hasBucket: false });
});
afterEach(() => double.close());

const place = (more = "") => `s3://double/ours?endpoint=${double.endpoint}${more}`;

/** With the credentials of the double, and nobody else's. */
function holdfast(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Said> {
  const { accessKeyId, secretAccessKey } = double.credentials;
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const nowhere = { AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: "/dev/null" };
  const own = { AWS_SHARED_CREDENTIALS_FILE: "/dev/null", AWS_PROFILE: "" };
  return run(home, words, { env: { ...keys, ...nowhere, ...own, ...env } });
}

const levels = ({ events }: Said) =>
  Object.fromEntries(
    events
      .filter(({ name }) => name === "check")
      .map(({ fields }) => [fields.get("check"), fields.get("level")]),
  );

const steps = ({ events }: Said) =>
  Object.fromEntries(events.map(({ fields }) => [fields.get("step"), fields.get("state")]));

const INIT = ["storage", "init", "--make-bucket", "--origins", ORIGIN];

describe("a bucket", () => {
  it("is planned, made, found well, and left alone the second time", async () => {
    const planned = await holdfast([...INIT, place(), "--dry-run"]);
    expect(planned.code).toBe(0);
    expect(planned.stdout).toMatch(/^planned {2}bucket {5}double is there$/m);
    expect(planned.stdout).toMatch(/^planned {2}lifecycle {2}multipart uploads below ours\/ end/m);
    expect(planned.stdout).toContain("Nothing was changed.");
    const made = await holdfast([...INIT, place(), "--json"]);
    expect([made.code, steps(made)]).toEqual([
      0,
      { bucket: "done", lifecycle: "done", cors: "done" },
    ]);
    const again = await holdfast([...INIT, place(), "--json"]);
    expect([again.code, steps(again)]).toEqual([
      0,
      { bucket: "kept", lifecycle: "kept", cors: "kept" },
    ]);
    const doctor = ["doctor", "--storage", place(), "--origin", ORIGIN];
    const said = await holdfast([...doctor, "--json"]);
    expect(said.code).toBe(0);
    expect(new Set(Object.values(levels(said)))).toEqual(new Set(["ok"]));
    expect(eventOf(said, "diagnosis").get("failures")).toBe(0);
    expect((await holdfast(doctor)).stdout).toMatch(/^ok {4}digests +bytes that are not/m);
    expect(double.bucket.objects.size + double.bucket.multiparts.size).toBe(0);
  });

  it("that is missing is told of, with what makes it", async () => {
    const said = await holdfast(["doctor", "--storage", place()]);
    expect(said.code).toBe(1);
    expect(said.stdout).toMatch(/^fail {2}access +NoSuchBucket/m);
    expect(said.stdout).toContain("holdfast storage init --make-bucket");
    const init = await holdfast(["storage", "init", place(), "--json"]);
    expect([init.code, steps(init)]).toEqual([7, { bucket: "failed" }]);
  });

  it("without rules works, and says what it lacks", async () => {
    await holdfast(["storage", "init", "--make-bucket", place()]);
    const said = await holdfast(["doctor", "--storage", place(), "--origin", ORIGIN, "--json"]);
    expect([said.code, levels(said)]).toMatchObject([0, { cors: "warn", lifecycle: "ok" }]);
    expect(JSON.stringify(said.events.map(({ fields }) => [...fields]))).toContain(
      `--origins ${ORIGIN}`,
    );
  });
});

it("examines every bucket that serve is given, by its name", async () => {
  await holdfast(["storage", "init", "--make-bucket", place()]);
  const given = {
    HOLDFAST_STORAGE: place(),
    HOLDFAST_SERVE_STORAGES: `eu=${place()},gone=${place().replace("s3://double", "s3://gone")}`,
  };
  const said = await holdfast(["doctor", "--storage", "--json"], given);
  const checks = said.events.filter(({ name }) => name === "check");
  const of = (name: string) => checks.filter(({ fields }) => fields.get("storage") === name);
  expect([of("storage").length > 5, of("eu").length]).toEqual([true, of("storage").length]);
  expect(of("gone").map(({ fields }) => [fields.get("check"), fields.get("level")])).toEqual([
    ["access", "fail"],
  ]);
  expect(said.code).toBe(1);
  expect((await holdfast(["doctor", "--storage"], given)).stdout).toMatch(/^ok {4}digests +eu: /m);
  const none = await holdfast(["doctor", "--storage"], { HOLDFAST_STORAGE: "" });
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("HOLDFAST_STORAGE")]);
});

describe("what is wrong", () => {
  it.each([
    [["doctor", "--storage"], 77],
    [["storage", "init"], 77],
  ])("with the credentials ends %j with %i", async (words, code) => {
    const said = await holdfast([...words, place(), "--json"], {
      AWS_SECRET_ACCESS_KEY: "hunter2",
    });
    expect(said.code).toBe(code);
    const told = JSON.stringify(said.events.map(({ fields }) => [...fields])) + said.stderr;
    expect(told).toContain("AWS_SECRET_ACCESS_KEY");
    expect(told).not.toContain("hunter2");
  });

  it("without any credentials is said so", async () => {
    const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    const said = await holdfast(["doctor", "--storage", place()], none);
    expect(said.code).toBe(77);
    expect(said.stdout).toMatch(/^fail {2}access +there are no credentials/m);
    const region = await holdfast(["doctor", "--storage", "s3://double"], { AWS_REGION: "" });
    expect([region.code, region.stdout]).toEqual([1, expect.stringContaining("AWS_REGION")]);
  });

  it("with the endpoint ends with 5", async () => {
    const away = `s3://double?endpoint=http://127.0.0.1:${await freePort()}`;
    expect((await holdfast(["doctor", "--storage", away])).code).toBe(5);
    expect((await holdfast(["storage", "init", away])).code).toBe(5);
  });

  it.each([
    [["doctor", "--storage", "s3://double?endpiont=a"], "Did you mean endpoint?"],
    [["doctor", "--storage", "s3://me:hunter2@double"], "AWS_PROFILE"],
    [["doctor", "https://files.example", "--storage", "s3://double"], "one of them"],
    [["storage", "init", "s3://double", "--days", "1"], "from 2 to 365"],
    [["storage", "init", "s3://double", "--origins", "app.example"], "https://app.example"],
  ])("in %j is wrong usage", async (words, hint) => {
    const said = await holdfast(words);
    expect(said.code).toBe(2);
    expect(said.stderr).toContain(hint);
    expect(said.stderr + said.stdout).not.toContain("hunter2");
  });
});

it("says how to install the AWS SDK where it is not", async () => {
  // A resolver that finds everything but the SDK stands for an installation without it.
  const hooks = `import { registerHooks } from "node:module";
registerHooks({ resolve(name, context, next) {
  if (!name.startsWith("@aws-sdk/")) return next(name, context);
  throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: "ERR_MODULE_NOT_FOUND" });
} });`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hooks)}`;
  const said = await holdfast(["doctor", "--storage", place()], { NODE_OPTIONS });
  expect([said.code, said.stderr]).toEqual([
    7,
    expect.stringContaining("npm install @aws-sdk/client-s3 @aws-sdk/s3-request-presigner"),
  ]);
});
