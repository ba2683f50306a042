// Readers of files: a slow one has memory of its own, and nobody waits for it.
import { createEngine, createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import { KIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { alice, createRequest, memoryParts, putParts, readAll } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const content = createRandom("content").bytes(1024 * KIB + 77);

async function publish() {
  const clock = createVirtualClock();
  const readSlots = createSlotPool(SLOT_SIZE);
  const engine = createEngine(memoryParts({ clock, readSlots }));
  const view = await engine.create(alice, createRequest(content.length));
  await putParts(engine, view, content, [0, 5]);
  const done = await engine.complete(alice, view.id, {});
  const file = await engine.file(alice, done.file?.id ?? "");
  const open = () => engine.read(file, { start: 0, end: file.size });
  return { clock, readSlots, engine, done, open };
}

describe("a reader", () => {
  it("that keeps its piece holds up nobody", async () => {
    const { readSlots, engine, done, open } = await publish();
    const holding = open();
    expect((await holding.next()).value).toHaveLength(SLOT_SIZE);
    expect(readSlots.lent()).toBe(1);
    expect(Buffer.compare(await readAll(engine, done), content)).toBe(0);
    await holding.return();
    expect(readSlots.lent()).toBe(0);
  });

  it("that is slow keeps no slot, gets every byte, and a slot again once it is quick", async () => {
    const { clock, readSlots, open } = await publish();
    const pieces: Uint8Array[] = [];
    const lent: number[] = [];
    for await (const piece of open()) {
      pieces.push(piece.slice());
      lent.push(readSlots.lent());
      clock.advance(pieces.length < 4 ? 1000 : 1);
    }
    expect(lent.slice(0, 5)).toEqual([1, 0, 0, 0, 1]);
    expect(Buffer.compare(Buffer.concat(pieces), content)).toBe(0);
    expect(readSlots.lent()).toBe(0);
  });
});
