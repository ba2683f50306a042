// What the real file system keeps open: a directory whose descriptor stays, and what is put in its place; and what it asks of a connection, and when.
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { keepDirectory, nodeFs } from "./node-fs.ts";

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

it.skipIf(process.platform !== "linux")(
  "the number of a connection is asked for when its turn has come, and not before",
  async () => {
    const place = await mkdtemp(join(tmpdir(), "holdfast-turn-"));
    const path = join(place, "f");
    await writeFile(path, Buffer.alloc(4 * MIB));
    const file = await nodeFs.open(path, "read", "cached");
    const order: string[] = [];
    setImmediate(() => order.push("the number is another connection's"));
    // More than there is in this turn.
    const read = await file.pread(new Uint8Array(4 * MIB), 0, 4 * MIB, 0);
    expect(read).toBe(4 * MIB);
    const took: number[] = [];
    const outlet = {
      begin() {
        order.push("asked");
        return undefined;
      },
      took: (count: number) => void took.push(count),
    };
    expect(await file.send(outlet, 0, MIB)).toBe(0);
    expect(order).toEqual(["the number is another connection's", "asked"]);
    expect(took).toEqual([0]);
    await file.close();
    await rm(place, { recursive: true });
  },
);
