// What the real file system keeps open: a directory whose descriptor stays, and what is put in its place.
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { keepDirectory } from "./node-fs.ts";

it("a directory that is not what it was any more is not flushed in place of what is there now", async () => {
  const place = await mkdtemp(join(tmpdir(), "holdfast-keep-"));
  const [path, other] = [join(place, "uploads"), join(place, "other")];
  await mkdir(path);
  const { fs, letGo } = await keepDirectory(path);
  await fs.fsyncDir(path);
  await rename(path, other);
  // Names that are made under the path go nowhere: to say that they are durable would be wrong.
  await expect(fs.fsyncDir(path)).rejects.toMatchObject({ code: "ENOENT" });
  await mkdir(path);
  await fs.fsyncDir(path);
  await letGo();
  // The one that is there has been opened for itself: that the one before is closed is nothing to it.
  await fs.fsyncDir(path);
  await rename(path, join(place, "third"));
  await rename(other, path);
  await expect(fs.fsyncDir(path)).rejects.toMatchObject({ code: "EBADF" });
  await rm(place, { recursive: true });
});
