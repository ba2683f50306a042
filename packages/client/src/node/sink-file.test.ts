import { open } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readFull } from "./sink-file.ts";

describe("what is read of a sink's file", () => {
  // Its first page is never mapped, and to read it is an I/O error: as from a disk with a bad sector.
  it.skipIf(process.platform !== "linux")("ends where the disk gives nothing back", async () => {
    const handle = await open("/proc/self/mem", "r");
    const into = new Uint8Array(16);
    await expect(handle.read(into, 0, 16, 0)).rejects.toMatchObject({ code: "EIO" });
    expect(await readFull(handle, 0, into)).toBe(0);
    await handle.close();
  });

  it("is an error where it may not be read at all", async () => {
    const handle = await open("/dev/null", "w");
    await expect(readFull(handle, 0, new Uint8Array(1))).rejects.toMatchObject({
      code: "sink_failed",
      details: { cause: "EBADF" },
    });
    await handle.close();
  });
});
