// The double keeps the contract that real stores keep, and goes wrong when it is told to.
import { createHash, randomBytes } from "node:crypto";
import { createAwsCalls, isRefusal, S3Error } from "@holdfast/server/storage/s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type S3CallsRig, s3CallsContract } from "../contracts/s3-calls.ts";
import { type S3Double, startS3Double } from "./server.ts";

let double: S3Double;
let rig: S3CallsRig;

function callsOf(
  { endpoint, bucketName, credentials }: S3Double,
  options: { readonly idleMs?: number } = {},
) {
  return createAwsCalls({
    bucket: bucketName,
    region: "us-east-1",
    endpoint,
    credentials,
    ...options,
  });
}

beforeAll(async () => {
  double = await startS3Double();
  rig = { calls: callsOf(double), prefix: "contract/", listsDigests: true };
});

afterEach(() => double.clearFaults());

afterAll(async () => {
  rig.calls.close();
  await double.close();
});

s3CallsContract(() => rig);

describe("faults", () => {
  const bytes = randomBytes(1000);
  const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());

  async function begin() {
    const key = `faults/${randomBytes(4).toString("hex")}`;
    return { key, uploadId: await rig.calls.multipart.create(key, { type: "text/plain" }) };
  }

  async function put(upload: { key: string; uploadId: string }, calls = rig.calls) {
    await calls.multipart.put({ ...upload, number: 1, size: 1000, sha256, body: bytes });
  }

  it("an answer that is lost leaves everybody in doubt, and the part is there", async () => {
    const upload = await begin();
    double.fault({ operation: "part", fault: { kind: "lose-answer" } });
    const error = await put(upload).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ fault: { kind: "unanswered" } });
    expect((await rig.calls.multipart.parts(upload)).items).toHaveLength(1);
  });

  it("a store that stalls is given up", async () => {
    const upload = await begin();
    double.fault({ operation: "part", fault: { kind: "stall" } });
    // Only here: under load a store in this process may be silent for longer without having stalled.
    const impatient = callsOf(double, { idleMs: 500 });
    expect(await put(upload, impatient).catch((thrown: unknown) => thrown)).toMatchObject({
      fault: { kind: "unanswered" },
    });
    impatient.close();
  });

  it("a bit that turns over on the way is noticed by the store", async () => {
    const upload = await begin();
    double.fault({ operation: "part", fault: { kind: "flip" } });
    const error = await put(upload).catch((thrown: unknown) => thrown);
    expect(isRefusal(error, "XAmzContentSHA256Mismatch")).toBe(true);
  });

  it("an answer of 200 with an error inside is no success", async () => {
    const upload = await begin();
    await put(upload);
    const { items } = await rig.calls.multipart.parts(upload);
    const named = items.map(({ number, etag }) => ({ number, etag, sha256 }));
    double.fault({ operation: "complete", fault: { kind: "error-200" } });
    const completing = rig.calls.multipart.complete(upload, named);
    await expect(completing).rejects.toThrow(S3Error);
    expect(await rig.calls.objects.head(upload.key)).toBeUndefined();
    await rig.calls.multipart.complete(upload, named);
    expect(await rig.calls.objects.head(upload.key)).toMatchObject({ size: 1000 });
  });

  it("throttling says when to come again", async () => {
    const upload = await begin();
    double.fault({ operation: "part", fault: { kind: "refuse", status: 503, code: "SlowDown" } });
    const error = await put(upload).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ fault: { kind: "refused", status: 503, code: "SlowDown" } });
  });
});

describe("who asks", () => {
  it.each([
    ["another secret", { secretAccessKey: "wrong" }, "SignatureDoesNotMatch"],
    ["another key", { accessKeyId: "NOBODY" }, "InvalidAccessKeyId"],
  ])("with %s is refused", async (_, other, code) => {
    const credentials = { ...double.credentials, ...other };
    const calls = callsOf({ ...double, credentials });
    const error = await calls.objects.list("").catch((thrown: unknown) => thrown);
    expect(isRefusal(error, code)).toBe(true);
    calls.close();
  });

  it("with a clock 20 minutes off is refused", async () => {
    const late = await startS3Double({ now: () => Date.now() + 20 * 60_000 });
    const calls = callsOf(late);
    const error = await calls.objects.list("").catch((thrown: unknown) => thrown);
    expect(isRefusal(error, "RequestTimeTooSkewed")).toBe(true);
    calls.close();
    await late.close();
  });
});

describe("a store without checksums", () => {
  it("takes parts, and notices a bit that turns over by what is signed", async () => {
    const store = await startS3Double({ profile: "swift" });
    const { endpoint, bucketName: bucket, credentials } = store;
    const where = { bucket, region: "us-east-1", endpoint, credentials };
    const calls = createAwsCalls({ ...where, hasChecksums: false });
    const upload = { key: "a", uploadId: await calls.multipart.create("a", { type: "a/b" }) };
    const body = randomBytes(1000);
    const sha256 = new Uint8Array(createHash("sha256").update(body).digest());
    const put = () => calls.multipart.put({ ...upload, number: 1, size: 1000, sha256, body });
    store.fault({ operation: "part", fault: { kind: "flip" } });
    const error = await put().catch((thrown: unknown) => thrown);
    expect(isRefusal(error, "XAmzContentSHA256Mismatch")).toBe(true);
    await put();
    const { items } = await calls.multipart.parts(upload);
    const named = items.map(({ number, etag }) => ({ number, etag, sha256 }));
    await calls.multipart.complete(upload, named);
    expect(await calls.objects.head("a")).toMatchObject({ size: 1000 });
    calls.close();
    await store.close();
  });
});

describe("profiles", () => {
  it.each([
    ["r2", "InvalidPart"],
    ["minio", undefined],
  ] as const)("%s takes unequal parts or not", async (profile, code) => {
    const store = await startS3Double({ profile });
    const { multipart, close } = callsOf(store);
    const key = "parts";
    const upload = { key, uploadId: await multipart.create(key, { type: "text/plain" }) };
    for (const [number, size] of [
      [1, 5 << 20],
      [2, 6 << 20],
      [3, 10],
    ] as const) {
      const body = randomBytes(size);
      const sha256 = new Uint8Array(createHash("sha256").update(body).digest());
      await multipart.put({ ...upload, number, size, sha256, body });
    }
    const { items } = await multipart.parts(upload);
    const none = new Uint8Array(32);
    const named = items.map((part) => ({ ...part, sha256: part.sha256 ?? none }));
    const error = await multipart.complete(upload, named).catch((thrown: unknown) => thrown);
    expect(code === undefined ? error === undefined : isRefusal(error, code)).toBe(true);
    if (profile === "minio") {
      const again = await multipart.complete(upload, named).catch((thrown: unknown) => thrown);
      expect(isRefusal(again, "NoSuchUpload")).toBe(true);
    }
    close();
    await store.close();
  });
});
