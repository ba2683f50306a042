// A meter changes nothing: what it is put around passes the contract as before. And what it counts is what happened.
import { createHash } from "node:crypto";
import { createSlotPool, SLOT_SIZE } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describePartStorageContract } from "@holdfast/testkit/contracts/part-storage";
import { describeStorageContract } from "@holdfast/testkit/contracts/storage";
import { testId } from "@holdfast/testkit/contracts/storage-rig";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { sampleCommit, sampleUpload } from "@holdfast/testkit/metadata/samples";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { expect, it } from "vitest";
import { createMeter, type Gauges } from "./meter.ts";
import { meterMetadata, meterParts, meterRegions } from "./metered.ts";

const clock = createVirtualClock();
const IDLE: Gauges = { open: 0, files: 0, damaged: 0, room: 0, slotsLent: 0, slotsWaiting: 0 };

describeStorageContract("memory with a meter around it", async () => ({
  storage: meterRegions(createMemoryStorage(), createMeter(), clock),
  dispose: async () => undefined,
}));

describePartStorageContract("memory with a meter around it", async () => {
  const storage = createMemoryParts();
  return {
    storage: meterParts(storage, createMeter()),
    async bring(request, bytes) {
      try {
        storage.bring(request, bytes);
        return true;
      } catch (error) {
        if (!isHoldfastError(error)) throw error;
        return false;
      }
    },
    dispose: async () => undefined,
  };
});

it("counts what goes into a storage of parts, and what comes out", async () => {
  const meter = createMeter();
  const memory = createMemoryParts();
  const begin = () => Promise.reject(new HoldfastError("storage_failed"));
  const storage = meterParts(memory, meter);
  const failing = meterParts({ ...memory, begin }, meter);
  const bytes = new Uint8Array(100).fill(7);
  const digest = new Uint8Array(createHash("sha256").update(bytes).digest());
  const part = { index: 0, size: 100, digest };
  const place = await storage.begin(testId(1), "text/plain");
  await storage.putPart(place, part, { kind: "memory", pieces: [bytes] });
  await storage.assemble(place, [part]);
  const read = storage.objects.read({ kind: "bytes", place }, { start: 10, end: 40 });
  for await (const piece of read) expect(piece).toHaveLength(30);
  await expect(failing.begin(testId(2), "text/plain")).rejects.toThrow();
  const page = await meter.show(IDLE);
  expect(countOf(page, "holdfast_storage_written_bytes_total")).toBe(100);
  expect(countOf(page, "holdfast_storage_read_bytes_total")).toBe(30);
  expect(countOf(page, 'holdfast_storage_failures_total{operation="begin"}')).toBe(1);
});

it("counts bytes, flushes and failures, but a full disk as none", async () => {
  const meter = createMeter();
  const storage = meterRegions(createMemoryStorage({ capacity: 8192 }), meter, clock);
  const slot = await createSlotPool(SLOT_SIZE).take();
  await storage.write(testId(1), 0, slot, 8192);
  await storage.flush(testId(1));
  await storage.read({ id: testId(1), kind: "bytes" }, 0, new Uint8Array(100));
  await expect(storage.write(testId(1), 8192, slot, 4096)).rejects.toThrow();
  const failing = meterRegions(
    {
      ...createMemoryStorage(),
      room: () => Promise.reject(new HoldfastError("storage_failed")),
    },
    meter,
    clock,
  );
  await expect(failing.room()).rejects.toThrow();
  const page = await meter.show(IDLE);
  expect(countOf(page, "holdfast_storage_written_bytes_total")).toBe(8192);
  expect(countOf(page, "holdfast_storage_read_bytes_total")).toBe(100);
  expect(countOf(page, "holdfast_flush_seconds_count")).toBe(1);
  expect(countOf(page, 'holdfast_storage_failures_total{operation="room"}')).toBe(1);
  expect(page).not.toContain('operation="write"');
});

it("counts changes by kind once they are durable, and the parts they commit", async () => {
  const meter = createMeter();
  const metadata = meterMetadata(createMemoryMetadata(), meter, clock);
  const upload = sampleUpload(4);
  await metadata.apply({ kind: "create", upload });
  await metadata.apply(sampleCommit(upload, 1));
  await expect(metadata.apply(sampleCommit(upload, 99))).rejects.toThrow();
  const page = await meter.show({ ...IDLE, open: 1 });
  expect(countOf(page, 'holdfast_change_seconds_count{kind="commit"}')).toBe(1);
  expect(countOf(page, "holdfast_parts_committed_total")).toBe(1);
  expect(countOf(page, "holdfast_uploads_open")).toBe(1);
});

function countOf(page: string, name: string): number {
  const line = page.split("\n").find((text) => text.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}
