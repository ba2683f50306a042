// A storage opened by its location: what it is then, and every reason for which it is refused at start.
import { randomBytes } from "node:crypto";
import { isHoldfastError, uploadId } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  type S3Double,
  type S3DoubleOptions,
  startS3Double,
} from "@holdfast/testkit/s3-double/server";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import type { OpenS3Options } from "./index.ts";
import { openS3Storage } from "./index.ts";

const newId = () => uploadId(randomBytes(16));

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function start(options: S3DoubleOptions = {}): Promise<S3Double> {
  const double = await startS3Double(options);
  ends.push(double.close);
  return double;
}

interface Asked extends Pick<OpenS3Options, "credentials" | "known"> {
  /** Of the location, beside the endpoint. */
  readonly more?: string;
  readonly bucket?: string;
}

async function open(
  double: S3Double,
  { more = "", bucket = double.bucketName, ...how }: Asked = {},
) {
  const location = `s3://${bucket}/ours?endpoint=${double.endpoint}${more}`;
  const platform = { clock: systemClock, random: systemRandom };
  const credentials = double.credentials;
  const opened = await openS3Storage({ location, credentials, idleMs: 1_000, ...platform, ...how });
  ends.push(async () => opened.close());
  return opened;
}

async function refusal(opening: Promise<unknown>) {
  const error = await opening.catch((thrown: unknown) => thrown);
  if (!isHoldfastError(error)) throw new Error(`not refused: ${String(error)}`);
  const { code, details } = error;
  return { code, setting: details["setting"], hint: String(details["hint"]), error };
}

describe("a storage", () => {
  it("has the limits that the probe has found, and those of its location above them", async () => {
    const swift = await start({ profile: "swift" });
    expect((await open(swift)).storage.limits.partCountMax).toBe(1000);
    const { storage } = await open(swift, { more: "&parts-max=500&size-max=5T" });
    expect(storage.limits).toMatchObject({ partCountMax: 500, sizeMax: 5 * 1024 ** 4 });
    const { limits } = (await open(await start())).storage;
    expect(limits).toMatchObject({ partCountMax: 10_000, partSizeMin: 8 * 1024 ** 2 });
  });

  it("leaves nothing behind, and lies below its prefix", async () => {
    const double = await start();
    const { storage, warnings } = await open(double);
    expect(double.bucket.objects.size + double.bucket.multiparts.size).toBe(0);
    expect(warnings.map(({ what }) => what)).toEqual(["cors", "lifecycle"]);
    await storage.begin(newId(), "text/plain");
    expect([...double.bucket.multiparts.values()].map(({ key }) => key)).toEqual([
      expect.stringMatching(/^ours\/bytes\//),
    ]);
  });

  it.each([
    ["aws", ["ours", "ours"]],
    ["ceph", ["ours", "theirs"]],
  ] as const)("has one name, the first, at a store that looks: %s", async (profile, names) => {
    const double = await start({ profile });
    const [ours, theirs] = [await open(double), await open(double)];
    // Both have looked.
    expect([await ours.mark.read(), await theirs.mark.read()]).toEqual([undefined, undefined]);
    await ours.mark.write("ours");
    const first = await ours.mark.read();
    await theirs.mark.write("theirs");
    expect([first, await theirs.mark.read()]).toEqual(names);
  });

  it("is not examined again where it was before, as long as it answers", async () => {
    const double = await start({ profile: "swift" });
    const { found, warnings } = await open(double);
    const before = double.asked.length;
    const again = await open(double, { known: found });
    expect(double.asked.slice(before)).toEqual([expect.stringMatching(/ ours\/probe\/$/)]);
    expect(again.storage.limits.partCountMax).toBe(1000);
    expect([again.warnings, again.found]).toEqual([warnings, undefined]);
    await again.storage.begin(newId(), "text/plain");
    const [multipart] = double.bucket.multiparts.values();
    expect(multipart?.headers.has("x-amz-checksum-algorithm")).toBe(false);
    const credentials = { ...double.credentials, secretAccessKey: "another" };
    const refused = await refusal(open(double, { known: found, credentials }));
    expect(refused).toMatchObject({ code: "storage_unusable", setting: "credentials" });
  });

  it("is nothing to go by where it was too busy to show what it can do", async () => {
    const double = await start();
    const fault = { kind: "refuse", status: 503, code: "SlowDown" } as const;
    // What was signed, each of the three times that it is looked at.
    for (const after of [3, 6, 9]) double.fault({ operation: "part", fault, after });
    const { found, storage } = await open(double);
    expect([storage.transfer, found]).toEqual(["server", undefined]);
  });

  it("asks a store without checksums that refuses them", async () => {
    const double = await start({ profile: "swift" });
    const { storage, warnings } = await open(double);
    expect(warnings.map(({ what }) => what)).toContain("checksums");
    const place = await storage.begin(newId(), "text/plain");
    const [multipart] = double.bucket.multiparts.values();
    expect(multipart?.headers.has("x-amz-checksum-algorithm")).toBe(false);
    // Nothing holds whoever has such a request to their bytes there.
    await expect(storage.sign(place, [], 60_000)).rejects.toMatchObject({
      code: "digest_unsupported",
    });
    const before = double.counts.get("create");
    const told = await open(double, { more: "&checksums=off" });
    expect(told.warnings.map(({ what }) => what)).not.toContain("checksums");
    // One multipart upload to look at, one to remove: nobody asked with checksums first.
    expect(double.counts.get("create")).toBe((before ?? 0) + 2);
    const quiet = await open(double, { more: "&checksums=off&direct=off&parts-max=1000" });
    expect(quiet.warnings.map(({ what }) => what)).toEqual(["cors", "lifecycle"]);
  });

  it.each(["create", "part", "list-objects"] as const)(
    "waits for a store that is busy for a moment: %s",
    async (operation) => {
      const double = await start();
      double.fault({ operation, fault: { kind: "refuse", status: 503, code: "SlowDown" } });
      const { warnings } = await open(double);
      expect(warnings.map(({ what }) => what)).toEqual(["cors", "lifecycle"]);
    },
  );

  it("signs requests where the store holds them to their digest, unless it is told not to", async () => {
    const double = await start();
    const part = { index: 0, size: 1, digest: new Uint8Array(32) };
    for (const [more, isSigned] of [
      ["", true],
      ["&direct=off", false],
    ] as const) {
      const { storage } = await open(double, { more });
      const place = await storage.begin(newId(), "text/plain");
      const signing = storage.sign(place, [part], 60_000);
      expect(
        await signing.then(
          ({ length }) => length === 1,
          () => false,
        ),
      ).toBe(isSigned);
    }
  });
});

describe("refused at start", () => {
  it.each([
    ["bucket", { bucket: "another" }, /storage init --make-bucket/],
    ["credentials", { credentials: { accessKeyId: "NO", secretAccessKey: "no" } }, /KEY_ID/],
    [
      "credentials",
      { credentials: { accessKeyId: "HOLDFASTDOUBLE", secretAccessKey: "no" } },
      /AWS_SECRET_ACCESS_KEY/,
    ],
    ["region", { more: "&region=us-east-1" }, /region=REGION/],
    ["storage-class", { more: "&region=eu-1&storage-class=COLDEST" }, /class/],
    ["kms-key", { more: "&region=eu-1&sse=aws:kms&kms-key=missing" }, /kms-key/],
  ] as const)("is a wrong %s: %j", async (setting, asked, hint) => {
    const double = await start({ region: "eu-1" });
    const more = { more: "&region=eu-1", ...asked };
    expect(await refusal(open(double, more))).toMatchObject({
      ...{ code: "storage_unusable", setting },
      hint: expect.stringMatching(hint),
    });
  });

  it.each([-20, 20])("is a clock that is %i minutes off", async (minutes) => {
    const double = await start({ now: () => Date.now() + minutes * 60_000 });
    const { code, setting, hint } = await refusal(open(double));
    expect([code, setting]).toEqual(["storage_unusable", "clock"]);
    expect(hint).toContain("clock");
  });

  it("is an endpoint that is down, or that speaks something else", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const double = { ...(await start()), endpoint };
    const { code, setting, error } = await refusal(open(double));
    expect([code, setting]).toEqual(["storage_unusable", "endpoint"]);
    expect(error.message).toContain(endpoint);
  });

  it("is an endpoint that never answers", async () => {
    const double = await start();
    double.fault({ operation: "list-objects", fault: { kind: "stall" } });
    expect(await refusal(open(double))).toMatchObject({ setting: "endpoint" });
  });

  it.each([
    [301, "PermanentRedirect", "region"],
    [400, "ExpiredToken", "credentials"],
    [403, "AccessDenied", "rights"],
  ])("is what the store answers %i %s to", async (status, code, setting) => {
    const double = await start();
    double.fault({ operation: "list-objects", fault: { kind: "refuse", status, code } });
    expect(await refusal(open(double))).toMatchObject({ code: "storage_unusable", setting });
  });

  it("is a right that is missing", async () => {
    const double = await start();
    double.fault({
      operation: "part",
      fault: { kind: "refuse", status: 403, code: "AccessDenied" },
    });
    expect(await refusal(open(double))).toMatchObject({
      setting: "rights",
      hint: expect.stringContaining("docs/storage-s3.md"),
    });
  });

  it.each([3, 99])("is a store that is busy for too long: %i answers", async (times) => {
    const double = await start();
    const fault = { kind: "refuse", status: 503, code: "SlowDown" } as const;
    double.fault({ operation: "create", times, fault });
    const { code, error } = await refusal(open(double));
    expect([code, error.message]).toEqual([
      "storage_unusable",
      expect.stringContaining("SlowDown"),
    ]);
  });

  it("is a store that looks at nothing that it is told", async () => {
    const { code, error, hint } = await refusal(open(await start({ profile: "moto" })));
    expect(code).toBe("storage_unusable");
    expect(error.message).toContain("takes bytes that are not those of the digest");
    expect(hint).toContain("x-amz-content-sha256");
  });

  it.each([
    ["moto", 1, "storage_unusable"],
    ["ceph", 3, "opened"],
  ] as const)(
    "is such a store also where it was busy when it was looked at: %s",
    async (profile, after, how) => {
      const double = await start({ profile });
      double.fault({
        operation: "part",
        after,
        fault: { kind: "refuse", status: 503, code: "SlowDown" },
      });
      const opening = open(double);
      const told = opening.then(
        ({ warnings }) => warnings.some(({ what }) => what === "signed") && "opened",
        (error: unknown) => isHoldfastError(error) && error.code,
      );
      expect(await told).toBe(how);
    },
  );

  it.each([
    ["checksums", "swift"],
    ["direct", "swift"],
    ["direct", "ceph"],
  ] as const)("is a store without %s where they are insisted on: %s", async (setting, profile) => {
    const double = await start({ profile });
    expect(await refusal(open(double, { more: `&${setting}=on` }))).toMatchObject({
      ...{ code: "storage_unusable", setting },
      hint: expect.stringContaining(`${setting}=on`),
    });
  });

  it("is a location that nobody understands", async () => {
    const asked = { more: "&storage-clas=STANDARD" };
    expect(await refusal(open(await start(), asked))).toMatchObject({
      code: "usage",
      hint: "Did you mean storage-class?",
    });
  });
});
