// What a sink goes on with after a flush that failed: the cache may still have, and give, what the disk never got.
import { constants, mkdtempSync, readdirSync, rmSync } from "node:fs";
import type * as Fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { memoryOf } from "../buffers.ts";
import { openCopySink } from "./copy-sink.ts";
import { openFileSink } from "./sink.ts";

const { disk } = vi.hoisted(() => ({
  /** What the kernel does: whether files can be opened past the cache, and whether a flush fails. */
  disk: { isDirect: true, isBroken: false },
}));

/** A file system of which the cache keeps what was written, while the disk has got none of it: past the cache there are zeros. */
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof Fs>();
  const flush = async () => {
    if (disk.isBroken) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  };
  return {
    ...fs,
    async open(path: string, flags: number, mode?: number) {
      const isDirect = typeof flags === "number" && (flags & (constants.O_DIRECT ?? 0)) !== 0;
      if (isDirect && !disk.isDirect) throw Object.assign(new Error("EINVAL"), { code: "EINVAL" });
      const handle = await fs.open(path, flags, mode);
      if (!isDirect) return Object.assign(handle, { datasync: flush, sync: flush });
      return Object.assign(handle, {
        async read(into: Uint8Array, at: number, size: number, offset: number) {
          const there = Math.max(0, Math.min(size, (await handle.stat()).size - offset));
          into.fill(0, at, at + there);
          return { bytesRead: there, buffer: into };
        },
      });
    },
  };
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-flush-"));
  Object.assign(disk, { isDirect: true, isBroken: false });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const ROOT = "0123456789abcdef".repeat(4);
/** A rename copies nothing: there is nothing to judge. */
const CHECK = { partSize: 4, judge: async () => undefined };
/** As a download has them: what is written past the cache begins at a page. */
const BYTES = new Uint8Array(memoryOf("pages", 8192 + 5)).fill(7);

/** A process that writes, is told that it cannot be flushed, and ends; `how` it was told. */
async function fail(how: "note" | "commit"): Promise<void> {
  const sink = await openFileSink(join(directory, "f"));
  await sink.open(ROOT, BYTES.length);
  await sink.write(0, BYTES);
  disk.isBroken = true;
  const failed =
    how === "note" ? sink.note(() => "text") : sink.commit(BYTES.length, "keep", CHECK);
  await expect(failed).rejects.toMatchObject({ code: "sink_failed", details: { cause: "EIO" } });
  await sink.close();
  disk.isBroken = false;
}

describe.each(["note", "commit"] as const)("after a flush that failed in %s", (how) => {
  it.runIf(constants.O_DIRECT !== undefined)(
    "believes what the disk has, not the cache",
    async () => {
      await fail(how);
      const sink = await openFileSink(join(directory, "f"));
      expect(await sink.open(ROOT, BYTES.length)).toMatchObject({
        size: BYTES.length,
        note: undefined,
      });
      const into = Buffer.alloc(BYTES.length, 1);
      expect(await sink.read("working", 0, into)).toBe(BYTES.length);
      expect(into).toEqual(Buffer.alloc(BYTES.length));
      await sink.close();
    },
  );

  it("goes on with nothing where only the cache can be read", async () => {
    disk.isDirect = false;
    const before = await openFileSink(join(directory, "f"));
    await before.open(ROOT, BYTES.length);
    await before.write(0, BYTES);
    await before.note(() => "earlier");
    await before.close();
    await fail(how);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("a copy that is repaired", () => {
  it.runIf(constants.O_DIRECT !== undefined)("is as the disk has it, too", async () => {
    const path = join(directory, "copy");
    const { writeFile } = await vi.importActual<typeof Fs>("node:fs/promises");
    await writeFile(path, BYTES);
    const sink = await openCopySink(path);
    const into = Buffer.alloc(BYTES.length, 1);
    await sink.read("working", 0, into);
    expect(into).toEqual(Buffer.alloc(BYTES.length));
    await sink.close();
  });
});
