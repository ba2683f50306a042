// The hashing thread gives the digests that node:crypto gives, however the bytes come and whatever runs beside.
import { createHash } from "node:crypto";
import { SLOT_SIZE } from "@holdfast/engine";
import { createRandom } from "@holdfast/testkit/random";
import { describe, expect, it } from "vitest";
import { startScan } from "./scan.ts";

const content = createRandom("scan").bytes(5 * SLOT_SIZE + 3);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

async function scanned(seed: number): Promise<void> {
  const scan = startScan({ parts: "sha-256", hasWhole: true });
  const parts: Promise<Uint8Array>[] = [];
  const expected: string[] = [];
  const size = 100_000 * seed + 7;
  // One piece of memory for all: it may change as soon as the scan has taken it.
  const memory = new Uint8Array(size);
  for (let at = 0; at < content.length; at += size) {
    const piece = content.subarray(at, at + size);
    memory.set(piece);
    await scan.update(memory.subarray(0, piece.length));
    memory.fill(seed);
    parts.push(scan.endPart());
    expected.push(sha256(piece));
  }
  expect((await Promise.all(parts)).map(hex)).toEqual(expected);
  expect(hex(await scan.end())).toBe(sha256(content));
  scan.close();
}

describe("scan", () => {
  it("tells parts and the whole apart", () => scanned(1));

  it("keeps several apart from one another", async () => {
    await Promise.all([1, 2, 3, 7].map(scanned));
  });

  it("has nothing to say of what was not asked for", async () => {
    const scan = startScan({ hasWhole: false });
    await scan.update(content);
    expect(await scan.endPart()).toHaveLength(0);
    expect(await scan.end()).toHaveLength(0);
    scan.close();
  });

  it("can be let go of in the middle", async () => {
    const scan = startScan({ hasWhole: true });
    await scan.update(content);
    scan.close();
    await scanned(3);
  });
});
