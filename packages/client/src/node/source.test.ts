import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFileSource } from "./source.ts";

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-source-")));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("a file as a source", () => {
  it("reads where it is told to", async () => {
    const path = join(directory, "a name.txt");
    writeFileSync(path, "0123456789");
    const source = await openFileSource(path);
    expect(source).toMatchObject({ name: "a name.txt", identity: path, fingerprint: { size: 10 } });
    const into = Buffer.alloc(4);
    await source.read(3, into);
    expect(into.toString()).toBe("3456");
    expect(await source.isChanged()).toBe(false);
    await source.close();
  });

  it("is the same by whatever name, and has the name it was called by", async () => {
    writeFileSync(join(directory, "real"), "x");
    symlinkSync("real", join(directory, "alias"));
    const source = await openFileSource(join(directory, "alias"));
    expect(source).toMatchObject({ name: "alias", identity: join(directory, "real") });
    await source.close();
  });

  it.each<[string, (path: string) => void]>([
    ["grows", (path) => appendFileSync(path, "x")],
    ["shrinks", (path) => truncateSync(path, 3)],
    ["is written to", (path) => utimesSync(path, 1, 1)],
  ])("knows when it %s", async (_, change) => {
    const path = join(directory, "f");
    writeFileSync(path, "0123456789");
    // A time that the file system stores exactly, so that it can be set again.
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    const source = await openFileSource(path);
    change(path);
    expect(await source.isChanged()).toBe(true);
    await source.close();
  });

  it("is not changed by new rights: they must not end an upload", async () => {
    const path = join(directory, "f");
    writeFileSync(path, "0123456789");
    const source = await openFileSource(path);
    chmodSync(path, 0o600);
    expect(await source.isChanged()).toBe(false);
    await source.close();
  });

  it("does not make up bytes that are gone", async () => {
    const path = join(directory, "f");
    writeFileSync(path, "0123456789");
    const source = await openFileSource(path);
    truncateSync(path, 5);
    const read = source.read(3, Buffer.alloc(4));
    await expect(read).rejects.toMatchObject({ code: "source_changed" });
    await source.close();
  });

  it.skipIf(process.platform !== "linux")("is none where it does not tell its size", async () => {
    await expect(openFileSource("/proc/cpuinfo")).rejects.toMatchObject({
      code: "source_unreadable",
      message: "/proc/cpuinfo does not tell its size",
    });
  });

  it.skipIf(process.platform === "win32")(
    "is none where it is a FIFO, and does not wait for a writer",
    async () => {
      const path = join(directory, "fifo");
      execFileSync("mkfifo", [path]);
      await expect(openFileSource(path)).rejects.toMatchObject({ code: "source_unreadable" });
    },
  );

  it("is none where it is missing or a directory", async () => {
    mkdirSync(join(directory, "d"));
    for (const name of ["missing", "d", "d/x"]) {
      await expect(openFileSource(join(directory, name))).rejects.toMatchObject({
        code: "source_unreadable",
      });
    }
  });
});
