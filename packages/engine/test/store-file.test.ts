// Whole files under a key: the same request has the same file, whichever way its first attempt went, and no other bytes have it.
import { createEngine, createSlotPool } from "@holdfast/engine";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { alice, appendBytes, createRequest, memoryParts, sha256 } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const SLOT = 256 * KIB;
const content = createRandom("store-file").bytes(2 * SLOT);
const other = content.map((byte, at) => (at === 5 ? byte ^ 1 : byte));

async function turn(): Promise<void> {
  for (let count = 0; count < 10; count++) await new Promise((resolve) => setImmediate(resolve));
}

function commandOf(bytes: Uint8Array, body = createBody(bytes)) {
  return { name: "a", type: "a/b", body, bodySize: bytes.length, key: "key" };
}

describe("a whole file under a key", () => {
  it("is made by a small request again whose first attempt was slow, made room and was cut", async () => {
    const clock = createVirtualClock();
    const engine = createEngine(memoryParts({ clock, slots: createSlotPool(SLOT) }));
    const bytes = content.subarray(0, 50_000);
    const slow = createBody();
    const first = engine.storeFile(alice, commandOf(bytes, slow));
    slow.push(bytes.subarray(0, 20_000));
    await turn();
    const view = await engine.create(alice, createRequest(content.length));
    const waiting = appendBytes(engine, view, 0, content.subarray(0, 1000));
    for (let times = 0; times < 10; times++) {
      clock.advance(100);
      await turn();
    }
    await waiting;
    slow.stop(new HoldfastError("body_stalled"));
    await expect(first).rejects.toMatchObject({ code: "body_stalled" });
    const file = await engine.storeFile(alice, commandOf(bytes));
    expect(file.size).toBe(bytes.length);
    expect(await engine.storeFile(alice, commandOf(bytes))).toEqual(file);
  });

  it("is given to the same bytes again, and to no others", async () => {
    const engine = createEngine(memoryParts());
    const file = await engine.storeFile(alice, commandOf(content));
    expect(await engine.storeFile(alice, commandOf(content))).toEqual(file);
    await expect(engine.storeFile(alice, commandOf(other))).rejects.toMatchObject({
      code: "part_conflict",
    });
    const digest = sha256(other);
    await expect(engine.storeFile(alice, { ...commandOf(content), digest })).rejects.toMatchObject({
      code: "digest_mismatch",
    });
    expect((await engine.files(alice, { limit: 9 })).files).toHaveLength(1);
  });
});
