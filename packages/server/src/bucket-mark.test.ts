// Which directory goes with which bucket: every pair that there can be, and what is left behind of those that are refused.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pair, requireOnDisk, requireUnknown } from "./bucket-mark.ts";
import type { BucketMark } from "./storage/s3/mark.ts";

let root: string;
let made = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "holdfast-mark-"));
});
afterAll(() => rmSync(root, { recursive: true }));

interface Given {
  /** The mark in the directory. */
  readonly here?: { readonly place: string; readonly where: string; readonly isAsked?: boolean };
  /** The name in the bucket. */
  readonly there?: string;
  readonly files?: readonly string[];
  readonly hasBytes?: boolean;
  readonly isShared?: boolean;
  /** What another server writes just after us. */
  readonly overtaken?: string;
  /** What another server writes just after we have looked for the first time. */
  readonly since?: string;
}

function world(given: Given) {
  const { here, there, files = [], hasBytes = false, isShared = false, overtaken, since } = given;
  const directory = join(root, `${++made}`);
  mkdirSync(directory);
  const path = join(directory, "storage.json");
  if (here) writeFileSync(path, JSON.stringify(here));
  for (const file of files) writeFileSync(join(directory, file), "");
  let name = there;
  const bucket: BucketMark = {
    async read() {
      const now = name;
      name ??= since;
      return now;
    },
    write: async (given) => {
      name = overtaken ?? given;
    },
    isAlone: async () => !hasBytes,
    look: async () => undefined,
  };
  return {
    directory,
    bucket,
    pair: () => pair({ directory, bucket, where: "s3://files", isShared }),
    paired: async () => (await pair({ directory, bucket, where: "s3://files", isShared })).place,
    mark: () => (existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined),
    name: () => name,
  };
}

const MARK = { place: "ours", where: "s3://files" };

describe("a bucket and a directory", () => {
  it("that are both new get one name", async () => {
    const { paired, mark, name } = world({});
    const place = await paired();
    expect([mark(), name()]).toEqual([{ place, where: "s3://files" }, place]);
    expect(await paired()).toBe(place);
  });

  it.each([
    ["named alike", { here: MARK, there: "ours" }],
    ["named alike, under another address", { here: { ...MARK, where: "old" }, there: "ours" }],
    ["cut off between the two names", { here: MARK }],
    ["of records elsewhere, and a directory that is new", { there: "ours", isShared: true }],
  ] as const)("go together: %s", async (_what, given) => {
    const { paired, mark, name } = world(given);
    expect(await paired()).toBe("ours");
    expect([mark().place, name()]).toEqual(["ours", "ours"]);
  });

  it.each([
    ["other records", { here: MARK, there: "theirs" }, "storage_unusable"],
    [
      "other records elsewhere",
      { here: MARK, there: "theirs", isShared: true },
      "storage_unusable",
    ],
    ["a new directory", { there: "theirs" }, "storage_unusable"],
    ["bytes without a name", { hasBytes: true }, "storage_unusable"],
    ["another bucket", { here: { ...MARK, where: "s3://other" } }, "data_dir_unusable"],
    ["records of a disk", { files: ["records.sqlite"] }, "data_dir_unusable"],
    ["bytes of a disk", { files: ["metadata.json"], isShared: true }, "data_dir_unusable"],
  ] as const)("are refused, and left as they were: %s", async (_what, given: Given, code) => {
    const { paired, mark, name } = world(given);
    await expect(paired()).rejects.toMatchObject({
      code,
      details: { hint: expect.stringMatching(/\S/) },
    });
    expect([mark(), name()]).toEqual([given.here, given.there]);
  });

  it("that several servers may begin with get the name that the records have first", async () => {
    const { pair, mark, name } = world({ isShared: true });
    const { place, naming } = await pair();
    expect([mark(), name()]).toEqual([{ place, where: "s3://files", isAsked: true }, undefined]);
    // Cut off here, it asks for the same name again.
    expect((await pair()).place).toBe(place);
    await naming?.keep();
    expect([mark(), name()]).toEqual([{ place, where: "s3://files" }, place]);
    expect(await pair()).toEqual({ place });
  });

  it.each([
    ["has asked for another name", { here: { ...MARK, isAsked: true }, there: "theirs" }],
    ["has looked just before, and finds bytes", { hasBytes: true, since: "theirs" }],
  ] as const)("are another server's that was first: one that %s", async (_, given) => {
    const { paired, mark } = world({ ...given, isShared: true });
    expect(await paired()).toBe("theirs");
    expect(mark()).toEqual({ place: "theirs", where: "s3://files" });
  });

  it("get the name that the records have by then", async () => {
    const { directory, bucket, mark, name } = world({ isShared: true });
    const wanted = { directory, bucket, where: "s3://files", isShared: true };
    expect((await pair(wanted)).place).not.toBe("theirs");
    const { place, naming } = await pair({ ...wanted, asked: "theirs" });
    expect([place, mark().isAsked, name()]).toEqual(["theirs", true, undefined]);
    // Whose name it is has given it meanwhile.
    await bucket.write("theirs");
    await naming?.keep();
    expect([mark(), name()]).toEqual([{ place: "theirs", where: "s3://files" }, "theirs"]);
  });

  it.each([
    ["has a name", { there: "theirs" }],
    ["has bytes", { here: MARK, hasBytes: true }],
  ] as const)("that %s is not that of records which are new", async (_, given: Given) => {
    const { bucket, pair } = world({ ...given, isShared: true });
    const { naming } = await pair();
    await expect(requireUnknown({ bucket, where: "s3://files" }, naming)).rejects.toMatchObject({
      code: "storage_unusable",
    });
  });

  it.each([
    ["is empty", {}],
    ["has just been named, and taken bytes", { here: MARK, hasBytes: true, since: "theirs" }],
  ] as const)("that %s may be: the records say so", async (_, given: Given) => {
    const { bucket, pair } = world({ ...given, isShared: true });
    const { naming } = await pair();
    await requireUnknown({ bucket, where: "s3://files" }, naming);
  });

  it("wait for the name of whoever was first with the records", async () => {
    const { pair, mark } = world({ isShared: true, since: "theirs" });
    const { naming } = await pair();
    expect(await naming?.isNamed()).toBe(true);
    expect(await pair()).toEqual({ place: "theirs" });
    expect(mark()).toEqual({ place: "theirs", where: "s3://files" });
  });

  it.each([{ since: "theirs" }, { overtaken: "theirs" }])(
    "are those of the first of two databases: %j",
    async (given) => {
      const { pair } = world({ ...given, isShared: true });
      const { naming } = await pair();
      await expect(naming?.keep()).rejects.toMatchObject({ code: "storage_unusable" });
    },
  );

  it("are one server's where two begin at once", async () => {
    const { paired } = world({ overtaken: "theirs" });
    await expect(paired()).rejects.toMatchObject({ code: "storage_unusable" });
  });
});

describe("a directory", () => {
  it("whose bytes are in a bucket is not served without, one without a mark is", () => {
    const { directory } = world({ here: MARK });
    expect(() => requireOnDisk(directory)).toThrow("its bytes are in s3://files");
    requireOnDisk(world({}).directory);
  });

  it.each(["", "{", '{"place":1,"where":"a"}'])("whose mark is %j is refused", (text) => {
    const { directory } = world({});
    writeFileSync(join(directory, "storage.json"), text);
    expect(() => requireOnDisk(directory)).toThrow("cannot be read");
  });
});
