import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KIB, MIB } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryOf } from "../buffers.ts";
import { openDirect } from "./direct-file.ts";

let directory: string;
let path: string;
let handle: FileHandle;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-direct-"));
  path = join(directory, "f");
  handle = await open(path, "w+");
});
afterEach(async () => {
  await handle.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Bytes that tell where they belong, in memory of the right kind from `lead` on. */
function bytesOf(offset: number, size: number, lead = 0): Uint8Array {
  const bytes = new Uint8Array(memoryOf("pages", lead + size), lead, size);
  for (let at = 0; at < size; at++) bytes[at] = (offset + at) % 251;
  return bytes;
}

describe("a file that is written past the cache", () => {
  it.each([
    ["whole blocks", 0, MIB, 0],
    ["blocks and some bytes", 64 * KIB, MIB + 5, 0],
    ["less than a block", 0, 5, 0],
    ["nothing", 0, 0, 0],
    ["from amid a block on", 5, MIB, 0],
    ["memory that is not aligned", 0, MIB, 5],
  ])("has %s as they were", async (_, offset, size, lead) => {
    const file = await openDirect(path, handle);
    const bytes = bytesOf(offset, size, lead);
    await file.write(offset, bytes);
    // Once more, whatever the first time has taught.
    await file.write(offset, bytes);
    await file.close();
    expect(readFileSync(path).subarray(offset)).toEqual(Buffer.from(bytes));
  });

  it("takes writes side by side, and shows them to who reads it at once", async () => {
    const file = await openDirect(path, handle);
    const size = 256 * KIB;
    const writes = [3, 0, 2, 1].map((index) =>
      file.write(index * size, bytesOf(index * size, index === 3 ? size - 7 : size)),
    );
    await Promise.all(writes);
    expect(statSync(path).size).toBe(4 * size - 7);
    const into = Buffer.alloc(4 * size - 7);
    await handle.read(into, 0, into.length, 0);
    expect(into).toEqual(Buffer.from(bytesOf(0, into.length)));
    await file.close();
  });

  it("is the one that was opened, whatever has its name by now", async () => {
    const moved = join(directory, "moved");
    renameSync(path, moved);
    const bytes = bytesOf(0, 8 * KIB);
    for (const put of [() => writeFileSync(path, "other"), () => symlinkSync(moved, path)]) {
      put();
      const file = await openDirect(path, handle);
      await file.write(0, bytes);
      await file.close();
      expect(readFileSync(moved)).toEqual(Buffer.from(bytes));
      if (lstatSync(path).isFile()) expect(readFileSync(path, "utf8")).toBe("other");
      rmSync(path);
      truncateSync(moved);
    }
  });

  it("tells what the system says", async () => {
    const file = await openDirect(path, handle);
    await file.close();
    const failed = { code: "sink_failed", details: { cause: "EBADF" } };
    await expect(file.write(0, bytesOf(0, 8 * KIB))).rejects.toMatchObject(failed);
  });

  it.each([
    ["whole blocks", 0, MIB],
    ["all of it, and more than there is", 0, 3 * MIB],
    ["from amid a block to amid another", 4097, 2 * MIB + 3],
    ["the last bytes", 2 * MIB + 3, 100],
    ["what lies behind it", 3 * MIB, 10],
    ["nothing", 7, 0],
  ])("reads %s past the cache as through it", async (_, offset, size) => {
    const there = bytesOf(0, 2 * MIB + 50);
    writeFileSync(path, there);
    const file = await openDirect(path, handle);
    const into = Buffer.alloc(size);
    const wanted = Buffer.from(there).subarray(offset, offset + size);
    // Two at once have memory of their own.
    const other = Buffer.alloc(size);
    const counts = await Promise.all([file.read(offset, into), file.read(offset, other)]);
    expect(counts).toEqual([wanted.length, wanted.length]);
    expect(into.subarray(0, wanted.length)).toEqual(wanted);
    expect(other.subarray(0, wanted.length)).toEqual(wanted);
    await file.close();
  });
});
