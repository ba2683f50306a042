// What an append that met a fault leaves behind: what was told stands, and nothing wrong is built on.
import { createEngine, createSlotPool, type RegionStorage } from "@holdfast/engine";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  partDigests,
  readAll,
  readDigests,
} from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const PART = 256 * KIB;
const content = createRandom("append-faults").bytes(3 * PART + 5000);

async function turn(): Promise<void> {
  for (let count = 0; count < 10; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe("an append that meets a fault", () => {
  it("keeps the whole parts where it is ended while it waits for memory at the border of the next", async () => {
    const slots = createSlotPool(PART);
    const engine = createEngine(memoryParts({ slots }));
    const view = await engine.create(alice, createRequest(content.length));
    const body = createBody();
    const appending = appendBytes(engine, view, 0, content, { body });
    body.push(content.subarray(0, PART));
    await turn();
    const slot = await slots.take();
    body.push(content.subarray(PART, PART + 100));
    await turn();
    const asking = engine.offset(alice, view.id);
    slots.give(slot);
    await expect(appending).rejects.toMatchObject({ code: "append_in_progress" });
    expect(await asking).toMatchObject({ offset: PART });
  });

  it("leaves nothing of bytes that differ from the tail to the next one", async () => {
    const engine = createEngine(memoryParts());
    const all = content.subarray(0, 2 * PART);
    const described = { name: "a", type: "a/b" } as const;
    const view = await engine.create(
      alice,
      { ...described, metadata: new Map(), digest: "sha-256", size: all.length },
      "key",
    );
    // Whole blocks: no write after it would be at an odd place.
    await appendBytes(engine, view, 0, all.subarray(0, 8192));
    const body = createBody(all.map((byte, at) => (at === 5 ? byte ^ 1 : byte)));
    const other = { ...described, body, bodySize: all.length, key: "key" };
    await expect(engine.storeFile(alice, other)).rejects.toMatchObject({ code: "part_conflict" });
    await appendBytes(engine, view, 8192, all.subarray(8192), { isLast: true });
    const done = await engine.status(alice, view.id);
    expect(await readDigests(engine, view)).toEqual(Buffer.concat(partDigests(view, all)));
    expect(await readAll(engine, done)).toEqual(Buffer.from(all));
  });

  it("ends with all bytes of the tail after a full disk refused its last block", async () => {
    const real = createMemoryStorage();
    let isFull = false;
    const storage: RegionStorage = {
      ...real,
      async write(...args) {
        if (isFull) throw new HoldfastError("storage_full");
        await real.write(...args);
      },
    };
    const engine = createEngine(memoryParts({ storage }));
    const { size: _, ...request } = createRequest(0);
    const view = await engine.create(alice, { ...request, maxSize: 10 * PART });
    const all = content.subarray(0, 5000);
    await appendBytes(engine, view, 0, all);
    const end = () => appendBytes(engine, view, all.length, new Uint8Array(), { isLast: true });
    isFull = true;
    await expect(end()).rejects.toMatchObject({ code: "storage_full" });
    isFull = false;
    expect(await end()).toMatchObject({ isComplete: true });
    const done = await engine.status(alice, view.id);
    expect(await readAll(engine, done)).toEqual(Buffer.from(all));
  });
});
