// A bucket made fit: what is missing is set, what is there stays, and again changes nothing.
import {
  type S3Double,
  type S3DoubleOptions,
  startS3Double,
} from "@holdfast/testkit/s3-double/server";
import { afterEach, expect, it } from "vitest";
import { createAwsCalls, type S3Calls } from "./index.ts";
import { type InitOptions, initS3, type Step } from "./init.ts";
import { parseS3Location } from "./location.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Rig {
  readonly double: S3Double;
  readonly calls: S3Calls;
  init(options?: Partial<InitOptions>): Promise<readonly Step[]>;
}

async function start(options: S3DoubleOptions = {}): Promise<Rig> {
  const double = await startS3Double(options);
  const { bucketName: bucket, endpoint, credentials } = double;
  const calls = createAwsCalls({ bucket, region: "us-east-1", endpoint, credentials });
  ends.push(double.close, async () => calls.close());
  const location = parseS3Location(`s3://${bucket}/ours?endpoint=${endpoint}`);
  const usual = { makesBucket: false, origins: [], stageDays: 7, isDryRun: false };
  const init = (more: Partial<InitOptions> = {}) =>
    initS3(location, { ...usual, credentials, idleMs: 1_000, ...more });
  return { double, calls, init };
}

const states = (steps: readonly Step[]) =>
  Object.fromEntries(steps.map(({ what, state }) => [what, state]));

const ORIGIN = "https://app.example";
const ALL = { makesBucket: true, origins: [ORIGIN] };

it("sets everything once, and nothing the second time", async () => {
  const { calls, double, init } = await start({ hasBucket: false });
  expect(states(await init(ALL))).toEqual({ bucket: "done", lifecycle: "done", cors: "done" });
  expect(await calls.bucket.stageDays("ours/bytes/")).toBe(7);
  expect(await calls.bucket.cors()).toMatchObject([{ origins: [ORIGIN], methods: ["PUT"] }]);
  const before = new Map(double.bucket.settings);
  expect(states(await init(ALL))).toEqual({ bucket: "kept", lifecycle: "kept", cors: "kept" });
  expect(double.bucket.settings).toEqual(before);
});

it("changes nothing where it is only to tell", async () => {
  const { double, init } = await start({ hasBucket: false });
  const dry = { ...ALL, isDryRun: true };
  const planned = { bucket: "planned", lifecycle: "planned", cors: "planned" };
  expect(states(await init(dry))).toEqual(planned);
  expect(states(await init(dry))).toEqual(planned);
  expect(double.bucket.settings.size).toBe(0);
});

it("makes no bucket that nobody asked for, and says how to", async () => {
  const { init } = await start({ hasBucket: false });
  const [bucket, ...others] = await init();
  expect(bucket).toMatchObject({ state: "failed", setting: "bucket" });
  expect(bucket?.remedy).toContain("--make-bucket");
  expect(others).toEqual([]);
});

it("leaves the rules of others as they are", async () => {
  const { calls, double, init } = await start();
  const theirs =
    "<LifecycleConfiguration><Rule><ID>logs</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule><Rule><ID>old</ID><Status>Enabled</Status><Prefix>old/</Prefix><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>";
  double.bucket.settings.set("lifecycle", theirs);
  const minimum = [
    "x-amz-transition-default-minimum-object-size",
    "varies_by_storage_class",
  ] as const;
  double.bucket.settings.set(...minimum);
  const others = { origins: ["https://old.example"], methods: ["GET"], headers: [], exposed: [] };
  await calls.bucket.setCors([{ id: "theirs", ...others }]);
  expect(states(await init({ origins: [ORIGIN] }))).toEqual({
    ...{ bucket: "kept", lifecycle: "done", cors: "done" },
  });
  const lifecycle = double.bucket.settings.get("lifecycle") ?? "";
  expect(lifecycle).toContain("<Expiration><Days>30</Days></Expiration>");
  expect(lifecycle).toContain("<Prefix>old/</Prefix>");
  expect(double.bucket.settings.get(minimum[0])).toBe(minimum[1]);
  expect(await calls.bucket.stageDays("old/a")).toBe(3);
  expect(await calls.bucket.stageDays("ours/bytes/")).toBe(7);
  expect(await calls.bucket.cors()).toMatchObject([
    { id: "theirs", ...others },
    { id: "holdfast" },
  ]);
});

it("keeps a stricter rule of somebody else, and sets its own beside a laxer one", async () => {
  const { calls, init } = await start();
  await calls.bucket.setStageDays("", 3);
  expect(states(await init())["lifecycle"]).toBe("kept");
  expect(states(await init({ stageDays: 2 }))["lifecycle"]).toBe("done");
  expect(await calls.bucket.stageDays("ours/bytes/")).toBe(2);
  expect(await calls.bucket.stageDays("others/")).toBe(3);
});

it("sets exactly the origins that are given, and says which go", async () => {
  const { calls, init } = await start();
  await init({ origins: [ORIGIN, "https://old.example"] });
  const steps = await init({ origins: [ORIGIN] });
  expect(steps.at(-1)).toMatchObject({
    what: "cors",
    state: "done",
    says: expect.stringContaining("https://old.example no longer"),
  });
  expect(await calls.bucket.cors()).toMatchObject([{ origins: [ORIGIN] }]);
});

it("goes on after a step that fails", async () => {
  const { double, init } = await start();
  const fault = { kind: "refuse", status: 403, code: "AccessDenied" } as const;
  double.fault({ operation: "lifecycle", fault });
  const steps = await init({ origins: [ORIGIN] });
  expect(states(steps)).toEqual({ bucket: "kept", lifecycle: "failed", cors: "done" });
  expect(steps[1]).toMatchObject({ setting: "rights" });
});
