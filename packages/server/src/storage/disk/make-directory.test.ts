// Directories on a real file system.
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeDirectory } from "./make-directory.ts";

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "holdfast-directory-"));
});
afterEach(() => rm(base, { recursive: true }));

it("makes what is missing, for its owner only, and again", async () => {
  const path = join(base, "a", "b");
  await makeDirectory(path);
  await makeDirectory(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
});

it("says so where something else is in the way", async () => {
  await writeFile(join(base, "file"), "");
  for (const path of ["file", "file/below"]) {
    await expect(makeDirectory(join(base, path))).rejects.toMatchObject({
      code: "data_dir_unusable",
    });
  }
});
