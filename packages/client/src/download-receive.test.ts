// What a run that was cut leaves behind: the first bytes of a part, for as long as they are of use and something can judge them.
import { createPartSet, type PartRange } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { expect, it } from "vitest";
import { createBuffers } from "./buffers.ts";
import type { DownloadJob } from "./download-job.ts";
import { receiveRun } from "./download-receive.ts";
import { systemClock, systemRandom } from "./node/platform.ts";
import { memoryCheckpoints } from "./node/testing/memory-checkpoints.ts";
import { createDisk, openMortal } from "./node/testing/mortal-sink.ts";
import { manifestOf, serveBytes, testDigester } from "./node/testing/served-bytes.ts";
import { wireOf } from "./options.ts";
import { pinByRoot, pinByTag } from "./pin.ts";
import type { Ports, Transport } from "./ports.ts";
import { ALONE } from "./share.ts";

const PART = 2_000;
const PARTS = 6;
const content = createRandom("receive").bytes(PARTS * PART - 77);
const manifest = manifestOf(content, PART);
const url = `http://127.0.0.1:1/v1/files/${"a".repeat(26)}`;

/** A download whose next answers are cut after so many bytes each. */
function createJob(cuts: readonly number[]) {
  const { transport, ranges } = serveBytes(content);
  const left = [...cuts];
  const line: Transport = {
    ...transport,
    async request(request) {
      const answer = await transport.request(request);
      const bytes = left.shift() ?? Number.POSITIVE_INFINITY;
      const headers = new Map([["etag", '"one"']]);
      return {
        ...answer,
        header: (name) => headers.get(name) ?? answer.header(name),
        read: (take) =>
          answer.read(async (piece) => {
            await take(piece.subarray(0, bytes));
            if (bytes < piece.length) throw new Error("cut");
          }),
      };
    },
  };
  const ports: Ports = {
    transport: line,
    checkpoints: memoryCheckpoints(),
    clock: systemClock,
    random: systemRandom,
    digester: testDigester,
    lines: new Map(),
    place: async () => "here",
    share: ALONE,
  };
  const options = { url };
  const wire = wireOf(ports, {});
  const disk = createDisk();
  const sink = openMortal(disk, Number.POSITIVE_INFINITY, createRandom(""));
  const job: DownloadJob = {
    options,
    ports,
    wire,
    emit: () => undefined,
    buffers: createBuffers(),
    openSink: async () => sink,
    opened: { url, sink, release: () => undefined, isOurs: true },
    root: undefined,
    content: {
      version: manifest,
      pin: pinByRoot(wire, manifest),
      verified: createPartSet(PARTS),
      doubtful: createPartSet(PARTS),
    },
    journal: undefined,
    mismatched: new Set(),
    begun: new Map(),
    head: undefined,
    reading: undefined,
    noting: undefined,
  };
  return { job, disk, ranges, wire };
}

async function receive(job: DownloadJob, range: PartRange): Promise<string> {
  const call = {
    attempt: 1,
    signal: new AbortController().signal,
    onBegin: () => undefined,
    onConnected: () => undefined,
    onMoved: () => undefined,
    onPlaced: () => undefined,
  };
  return receiveRun(job, range, call).then(
    () => "done",
    () => "cut",
  );
}

it("goes on behind what came, however often it is cut", async () => {
  const { job, disk, ranges } = createJob([2.5 * PART, 300, 0]);
  expect(await receive(job, [0, 4])).toBe("cut");
  expect(await receive(job, [2, 4])).toBe("cut");
  expect(await receive(job, [2, 4])).toBe("cut");
  expect(await receive(job, [2, 4])).toBe("done");
  const starts = ranges.map(([start]) => start);
  expect(starts).toEqual([0, 2.5 * PART, 2.5 * PART + 300, 2.5 * PART + 300]);
  expect(Buffer.from(disk.bytes).equals(content.subarray(0, 4 * PART))).toBe(true);
});

it("goes on behind what came of each of two runs that have become one", async () => {
  const { job, disk, ranges } = createJob([1.5 * PART, 0.25 * PART]);
  expect(await receive(job, [0, 3])).toBe("cut");
  expect(await receive(job, [3, 5])).toBe("cut");
  expect(await receive(job, [1, 5])).toBe("done");
  expect(ranges.slice(2)).toEqual([
    [1.5 * PART, 3 * PART],
    [3.25 * PART, 5 * PART],
  ]);
  expect(Buffer.from(disk.bytes).equals(content.subarray(0, 5 * PART))).toBe(true);
  expect([...job.begun.keys()]).toEqual([]);
});

it("keeps nothing of a part that another run has brought meanwhile", async () => {
  const { job } = createJob([1.5 * PART]);
  expect(await receive(job, [0, 2])).toBe("cut");
  expect([...job.begun.keys()]).toEqual([1]);
  expect(await receive(job, [0, 3])).toBe("done");
  expect([...job.begun.keys()]).toEqual([]);
});

it("asks for all of a part again where what came of it was wrong", async () => {
  const { job, disk, ranges } = createJob([0.5 * PART]);
  expect(await receive(job, [0, 1])).toBe("cut");
  job.begun.get(0)?.fill(0);
  expect(await receive(job, [0, 1])).toBe("cut");
  expect(await receive(job, [0, 1])).toBe("done");
  expect(ranges.map(([start]) => start)).toEqual([0, 0.5 * PART, 0]);
  expect(Buffer.from(disk.bytes).equals(content.subarray(0, PART))).toBe(true);
});

it("keeps nothing of a part whose digest nobody knows", async () => {
  const { job, wire } = createJob([1.5 * PART]);
  const file = { name: "x", size: manifest.size, etag: '"one"' };
  const version = { ...manifest, digests: new Uint8Array(manifest.digests.length) };
  const pin = pinByTag(wire, version, file, createPartSet(PARTS));
  const begun = createPartSet(PARTS);
  job.content = { version, pin, verified: begun, doubtful: createPartSet(PARTS) };
  expect(await receive(job, [0, 2])).toBe("cut");
  expect(begun.bits[0]).toBe(1);
  expect([...job.begun.keys()]).toEqual([]);
});
