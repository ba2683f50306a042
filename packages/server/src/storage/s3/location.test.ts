// Locations of an S3 storage: what is understood, and what is refused by name.
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { locationText, parseS3Location } from "./location.ts";

const NONE = { marks: {}, limits: {} };

describe("a location", () => {
  it.each([
    ["s3://files", { bucket: "files", prefix: "" }],
    ["s3://files/", { bucket: "files", prefix: "" }],
    ["s3://files/a/b", { bucket: "files", prefix: "a/b/" }],
    ["s3://files/a%20b/", { bucket: "files", prefix: "a b/" }],
    [
      "s3://my.files-1?region=eu-central-1",
      { bucket: "my.files-1", prefix: "", region: "eu-central-1" },
    ],
    [
      "s3://files?endpoint=http://127.0.0.1:9000&path-style=off",
      { bucket: "files", prefix: "", endpoint: "http://127.0.0.1:9000", hasBucketInPath: false },
    ],
    [
      "s3://files?endpoint=https://x.example/storage/s3/&checksums=off&direct=on",
      {
        ...{ bucket: "files", prefix: "", endpoint: "https://x.example/storage/s3" },
        ...{ hasChecksums: false, isDirect: true },
      },
    ],
  ])("%s", (text, location) => {
    expect(parseS3Location(text)).toEqual({ ...NONE, ...location });
  });

  it("says what every object carries", () => {
    const more = "storage-class=STANDARD_IA&sse=aws:kms&kms-key=arn:aws:kms:eu:1:key/2";
    const { marks } = parseS3Location(`s3://files?${more}&tags=team=web,stage=a%20b`);
    expect(marks).toEqual({
      storageClass: "STANDARD_IA",
      encryption: { algorithm: "aws:kms", keyId: "arn:aws:kms:eu:1:key/2" },
      tags: "team=web&stage=a%20b",
    });
  });

  it("overrides limits of the store", () => {
    const more = "part-size-min=16M&part-size-max=1G&parts-max=1000&size-max=5T";
    expect(parseS3Location(`s3://files?${more}`).limits).toEqual({
      partSizeMin: 16 * MIB,
      partSizeMax: 1024 * MIB,
      partCountMax: 1000,
      objectSizeMax: 5 * MIB * MIB,
    });
  });

  it("is told without its parameters", () => {
    expect(locationText(parseS3Location("s3://files/a?region=eu"))).toBe("s3://files/a");
    const elsewhere = parseS3Location("s3://files?endpoint=http://127.0.0.1:9000");
    expect(locationText(elsewhere)).toBe("s3://files at http://127.0.0.1:9000");
  });
});

describe("refused", () => {
  it.each([
    ["files", "storage"],
    ["https://files", "storage"],
    ["s3:///files", "storage"],
    ["s3://ab", "bucket"],
    ["s3://files..", "bucket"],
    ["s3://files:9000", "endpoint"],
    ["s3://files#a", "storage"],
    ["s3://files//a", "prefix"],
    ["s3://files/a//b", "prefix"],
    ["s3://files/%", "prefix"],
    ["s3://files/a%00b", "prefix"],
    [`s3://files/${"a".repeat(512)}`, "prefix"],
    ["s3://files?region=", "region"],
    ["s3://files?region=eu&region=us", "region"],
    ["s3://files?region=eu central", "region"],
    ["s3://files?endpoint=127.0.0.1:9000", "endpoint"],
    ["s3://files?endpoint=ftp://127.0.0.1", "endpoint"],
    ["s3://files?endpoint=http://127.0.0.1/?a=b", "endpoint"],
    ["s3://files?path-style=yes", "path-style"],
    ["s3://files?checksums=maybe", "checksums"],
    ["s3://files?storage-class=glacier", "storage-class"],
    ["s3://files?storage-class=GLACIER", "storage-class"],
    ["s3://files?sse=aes", "sse"],
    ["s3://files?kms-key=1", "kms-key"],
    ["s3://files?sse=AES256&kms-key=1", "kms-key"],
    ["s3://files?tags=web", "tags"],
    [`s3://files?tags=${Array.from({ length: 11 }, (_, at) => `t${at}=1`).join()}`, "tags"],
    ["s3://files?part-size-min=1M", "part-size-min"],
    ["s3://files?part-size-min=5243k", "part-size-min"],
    ["s3://files?part-size-min=5242881", "part-size-min"],
    ["s3://files?part-size-max=6M", "part-size-max"],
    ["s3://files?parts-max=0", "parts-max"],
    ["s3://files?parts-max=10001", "parts-max"],
  ])("is %s, for its %s", (text, setting) => {
    const reading = () => parseS3Location(text);
    expect(reading).toThrow(
      expect.objectContaining({
        code: "usage",
        details: expect.objectContaining({ setting, hint: expect.stringMatching(/\S/) }),
      }),
    );
  });

  it.each([
    ["endpiont", "endpoint"],
    ["storage_class", "storage-class"],
    ["check-sums", "checksums"],
    ["kmskey", "kms-key"],
  ])("is %s, and %s is what was meant", (name, meant) => {
    expect(() => parseS3Location(`s3://files?${name}=a`)).toThrow(
      expect.objectContaining({ details: { setting: name, hint: `Did you mean ${meant}?` } }),
    );
  });

  it.each([
    "s3://AKIAHUNTER:hunter2@files",
    "s3://files?access-key=AKIAHUNTER&secret=hunter2",
    "s3://files?aws_secret_access_key=hunter2",
    "s3://files?session-token=hunter2",
    "s3://files?endpoint=https://AKIAHUNTER:hunter2@x.example",
  ])("are credentials, without a word of them: %s", (text) => {
    const refused = (() => {
      try {
        return parseS3Location(text);
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toMatchObject({
      code: "usage",
      details: { setting: "credentials", hint: expect.stringContaining("AWS_PROFILE") },
    });
    expect(JSON.stringify(refused) + String(refused)).not.toMatch(/hunter/i);
  });
});
