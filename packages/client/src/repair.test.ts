import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodePorts } from "./node/client.ts";
import { openCopySink } from "./node/copy-sink.ts";
import { openFileSource } from "./node/source.ts";
import { manifestOf, serveBytes, testDigester } from "./node/testing/served-bytes.ts";
import type { Ports, Sink } from "./ports.ts";
import { type RepairOptions, startRepair } from "./repair.ts";
import { ALONE } from "./share.ts";
import { type BadPart, verifySource } from "./verify.ts";

const PART = 5_000;
const PARTS = 40;
const content = createRandom("repair").bytes(PARTS * PART - 77);
const manifest = manifestOf(content, PART);
const url = `http://127.0.0.1:1/v1/files/${"a".repeat(26)}`;

let directory: string;
let copy: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-repair-"));
  copy = join(directory, "copy");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Repair extends Partial<RepairOptions> {
  readonly openSink?: () => Promise<Sink>;
}

/** In virtual time, so that nothing is ever late and asked for twice. */
async function repair({ openSink = () => openCopySink(copy), ...options }: Repair = {}) {
  const { transport, ranges } = serveBytes(content);
  const own = nodePorts(join(directory, "state"));
  const ports: Ports = { ...own, transport, share: ALONE, clock: createVirtualClock() };
  const transfer = startRepair(openSink, { url, manifest, ...options }, ports);
  const outcome = await transfer.done.then(
    (result) => ({ kind: "done", result }) as const,
    (error: HoldfastError) => ({ kind: "failed", code: error.code }) as const,
  );
  return { outcome, ranges };
}

async function verify(): Promise<readonly BadPart[]> {
  const source = await openFileSource(copy);
  return verifySource(source, { manifest }, testDigester).finally(source.close);
}

function isRight(): boolean {
  return readFileSync(copy).equals(content);
}

function sizeOf(bad: readonly BadPart[]): number {
  return bad.reduce((sum, { size }) => sum + size, 0);
}

/** The file with bits flipped, at most one a part. */
function flipped(random: ReturnType<typeof createRandom>, parts: readonly number[]): Uint8Array {
  const bytes = content.slice();
  for (const index of parts) {
    const at = Math.min(bytes.length - 1, index * PART + random.whole(PART));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.whole(8));
  }
  return bytes;
}

function someParts(random: ReturnType<typeof createRandom>): readonly number[] {
  return Array.from({ length: PARTS }, (_, index) => index).filter(() => random.chance(0.25));
}

describe("a repair", () => {
  it("finds 1,000 flipped bits and fetches only the parts that have them", async () => {
    let flips = 0;
    for (let seed = 0; flips < 1000; seed++) {
      const random = createRandom(`flips ${seed}`);
      const parts = someParts(random);
      flips += parts.length;
      writeFileSync(copy, flipped(random, parts));
      const bad = await verify();
      expect(bad.map(({ index }) => index)).toEqual(parts);
      const { outcome, ranges } = await repair();
      expect(outcome).toMatchObject({
        kind: "done",
        result: { bytesSent: sizeOf(bad), resumedBytes: content.length - sizeOf(bad) },
      });
      const asked = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
      expect(asked).toBe(sizeOf(bad));
      expect(isRight()).toBe(true);
    }
  });

  it.each([
    ["nothing", 0],
    ["less than a part", PART - 1],
    ["some parts and a bit", 7 * PART + 100],
    ["all but a byte", content.length - 1],
  ])("fetches what is missing of a copy that has %s", async (_name, size) => {
    writeFileSync(copy, content.subarray(0, size));
    const whole = Math.floor(size / PART) * PART;
    const { outcome } = await repair({ force: size > 0 && size < PART });
    expect(outcome).toMatchObject({ result: { bytesSent: content.length - whole } });
    expect(isRight()).toBe(true);
  });

  it("cuts what lies behind the file's end", async () => {
    writeFileSync(copy, Buffer.concat([content, Buffer.alloc(3 * PART, 1)]));
    expect(await repair()).toMatchObject({ outcome: { result: { bytesSent: 0 } }, ranges: [] });
    expect(isRight()).toBe(true);
  });

  it("asks for nothing and writes nothing where the copy is right", async () => {
    writeFileSync(copy, content);
    const { mtimeMs, ctimeMs } = statSync(copy);
    expect(await repair()).toMatchObject({ outcome: { kind: "done" }, ranges: [] });
    expect(statSync(copy)).toMatchObject({ mtimeMs, ctimeMs });
  });

  it("takes bytes that the disk does not give back for bad ones", async () => {
    writeFileSync(copy, content);
    const openSink = async () => {
      const sink = await openCopySink(copy);
      const read: Sink["read"] = async (file, offset, into) =>
        offset === 3 * PART ? 0 : sink.read(file, offset, into);
      return { ...sink, read };
    };
    const { ranges } = await repair({ openSink });
    expect(ranges).toEqual([[3 * PART, 4 * PART]]);
  });

  it("leaves nothing beside the copy", async () => {
    writeFileSync(copy, content.subarray(0, 3 * PART));
    await repair();
    expect(readdirSync(directory).sort()).toEqual(["copy", "state"]);
  });
});

describe("a repair that ends in the middle", () => {
  /** What the process, or the machine, dies at: nothing of the sink works any more. */
  function mortal(dies: { readonly atWrite: number; readonly keeps: number }) {
    let writes = 0;
    return async (): Promise<Sink> => {
      const sink = await openCopySink(copy);
      const dead = async (): Promise<never> => {
        throw new HoldfastError("sink_failed", "there is nobody any more");
      };
      return {
        ...sink,
        async write(offset, bytes) {
          if (writes > dies.atWrite) return dead();
          if (writes++ < dies.atWrite) return sink.write(offset, bytes);
          await sink.write(offset, bytes.subarray(0, dies.keeps));
          return dead();
        },
        commit: (...how) => (writes > dies.atWrite ? dead() : sink.commit(...how)),
      };
    };
  }

  /** What a machine that lost its power may have on disk: of what was not flushed, any of it. */
  function losePower(random: ReturnType<typeof createRandom>, before: Uint8Array): void {
    const now = readFileSync(copy);
    for (let at = 0; at < now.length; at += 512) {
      if (random.chance(0.5)) continue;
      // Where the file had no bytes before, it has zeros.
      const old = Buffer.alloc(Math.min(512, now.length - at));
      old.set(before.subarray(at, at + old.length));
      now.set(old, at);
    }
    writeFileSync(copy, now);
  }

  it("has no bad part that it had not before, and the next one fetches what is still bad", async () => {
    for (const power of ["kept", "lost"] as const) {
      for (let atWrite = 0; atWrite < 12; atWrite++) {
        const random = createRandom(`${power} ${atWrite}`);
        const most = random.chance(0.5) ? content.length : (PARTS - 4) * PART + 99;
        const parts = [1, 5, 6, 7, 13, 14, 20, 21, 22, 23, 30, 35];
        const before = flipped(random, parts).subarray(0, most);
        writeFileSync(copy, before);
        const badBefore = (await verify()).map(({ index }) => index);
        const openSink = mortal({ atWrite, keeps: random.whole(PART) });
        expect((await repair({ openSink })).outcome).toEqual({
          kind: "failed",
          code: "sink_failed",
        });
        if (power === "lost") losePower(random, before);

        const left = await verify();
        expect(badBefore).toEqual(expect.arrayContaining(left.map(({ index }) => index)));
        const { outcome } = await repair();
        expect(outcome).toMatchObject({ result: { bytesSent: sizeOf(left) } });
        expect(isRight()).toBe(true);
      }
    }
  });

  it("cuts nothing before every part is there", async () => {
    const long = Buffer.concat([flipped(createRandom("cut"), [2, 9]), Buffer.alloc(10, 7)]);
    writeFileSync(copy, long);
    await repair({ openSink: mortal({ atWrite: 1, keeps: 0 }) });
    expect(statSync(copy).size).toBe(long.length);
    await repair();
    expect(isRight()).toBe(true);
  });
});

describe("a repair refuses", () => {
  it.each([
    ["another file", createRandom("another").bytes(12 * PART)],
    ["another file of that size", createRandom("another").bytes(content.length)],
  ])("%s, of which nothing is lost, unless it is told to", async (_name, other) => {
    writeFileSync(copy, other);
    const { outcome, ranges } = await repair();
    expect({ outcome, ranges }).toEqual({
      outcome: { kind: "failed", code: "sink_exists" },
      ranges: [],
    });
    expect(readFileSync(copy).equals(other)).toBe(true);
    expect((await repair({ force: true })).outcome.kind).toBe("done");
    expect(isRight()).toBe(true);
  });

  it("what is not there", async () => {
    const { outcome } = await repair();
    expect(outcome).toEqual({ kind: "failed", code: "source_unreadable" });
    expect(existsSync(copy)).toBe(false);
  });

  it("a directory, and what a symbolic link leads to", async () => {
    mkdirSync(copy);
    expect((await repair()).outcome).toEqual({ kind: "failed", code: "sink_failed" });
    rmSync(copy, { recursive: true });
    writeFileSync(join(directory, "there"), content.subarray(0, PART));
    symlinkSync("there", copy);
    expect((await repair()).outcome).toEqual({ kind: "failed", code: "sink_failed" });
    expect(statSync(copy).size).toBe(PART);
  });
});
