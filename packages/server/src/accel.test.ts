// The setting by which nginx in front sends files: refused where it would hand out what it must not.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readSettings, type ServeOptions } from "./config.ts";

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "holdfast-accel-"));
});
afterAll(() => rm(dataDir, { recursive: true }));

const settle = (more: Partial<ServeOptions>) =>
  readSettings({
    ...{ dataDir, token: "correct-horse-battery", proxies: ["127.0.0.1"] },
    ...{ accelRedirect: "/holdfast-files/", ...more },
  });

it("is a prefix of plain words", async () => {
  expect((await settle({})).accelPrefix).toBe("/holdfast-files/");
  for (const accelRedirect of [
    ...["", "/", "holdfast/", "/holdfast", "//x/", "/../x/", "/./", "/a b/", "/a?b/"],
    ...["/a\r\nSet-Cookie: x/", "/%2e%2e/", "http://x/", "/ü/"],
  ]) {
    await expect(settle({ accelRedirect })).rejects.toMatchObject({ code: "usage" });
  }
});

it.each<readonly [string, Partial<ServeOptions>]>([
  ["without a proxy", { proxies: [] }],
  ["where reads are verified", { verifyReads: true }],
  ["where the bytes are in a bucket", { storage: "s3://bucket/prefix" }],
])("is refused %s", async (_, more) => {
  await expect(settle(more)).rejects.toMatchObject({ code: "usage" });
});
