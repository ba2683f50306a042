import {
  addPart,
  createPartSet,
  HoldfastError,
  hasPart,
  type PartSet,
  removePart,
} from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { describe, expect, it } from "vitest";
import { startDownload } from "./download.ts";
import type { PublicState, Transfer } from "./events.ts";
import { encodeJournal, readJournal } from "./journal.ts";
import { systemDigester, systemRandom } from "./node/platform.ts";
import { memoryCheckpoints } from "./node/testing/memory-checkpoints.ts";
import { createDisk, type Disk, losePower, openMortal } from "./node/testing/mortal-sink.ts";
import { manifestOf, serveBytes, testDigester } from "./node/testing/served-bytes.ts";
import type { Clock, Sink, Transport } from "./ports.ts";
import { ALONE } from "./share.ts";

const PART = 2_000;
const PARTS = 24;
const content = createRandom("journal").bytes(PARTS * PART - 77);
const manifest = manifestOf(content, PART);
const url = `http://127.0.0.1:1/v1/files/${"a".repeat(26)}`;
const NEVER = Number.POSITIVE_INFINITY;

const shared = {
  random: systemRandom,
  digester: systemDigester,
  share: ALONE,
  lines: new Map(),
  place: async () => "here",
};

/** Virtual time that stands still, but for the journal's: each call of `tick` is the end of its interval. */
function createTicks(): { readonly clock: Clock; readonly tick: () => void } {
  const still = createVirtualClock();
  let due: (() => void) | undefined;
  return {
    clock: {
      ...still,
      after(ms, task) {
        if (ms !== 5_000) return still.after(ms, task);
        due = task;
        return () => {
          due = undefined;
        };
      },
    },
    tick() {
      const task = due;
      due = undefined;
      task?.();
    },
  };
}

/** Whatever else is to be done is done meanwhile. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Less than a part at a time. */
async function inPieces(
  bytes: Uint8Array,
  take: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += 1_500) {
    await take(bytes.subarray(at, at + 1_500));
    await turn();
  }
}

interface Run {
  readonly diesAt?: number;
  readonly seed?: string;
  readonly wrap?: (sink: Sink) => Sink;
  readonly onState?: (state: PublicState, transfer: Transfer) => void;
}

/** One process at the download, to its end or its death. The journal is written after every third part. */
async function runOnce(disk: Disk, run: Run = {}) {
  const { diesAt = NEVER, seed = "", wrap = (sink) => sink, onState } = run;
  const { transport, ranges } = serveBytes(content);
  const { clock, tick } = createTicks();
  const written = createPartSet(PARTS);
  const notices: string[] = [];
  const random = createRandom(seed);
  let writes = 0;
  const sink = openMortal(disk, diesAt, random, (offset) => {
    addPart(written, offset / PART);
    // Not before it is known to be written.
    if (++writes % 3 === 0) setImmediate(tick);
  });
  const line: Transport = {
    ...transport,
    async request(request) {
      const answer = await transport.request(request);
      return { ...answer, read: (take) => answer.read((bytes) => inPieces(bytes, take)) };
    },
  };
  const ports = { ...shared, checkpoints: memoryCheckpoints(), transport: line, clock };
  const transfer = startDownload(async () => wrap(sink), { url, manifest }, ports);
  transfer.on("state", (state) => onState?.(state, transfer));
  transfer.on("notice", ({ detail }) => notices.push(detail));
  const code = await transfer.done.then(
    () => "done",
    (error: HoldfastError) => error.code,
  );
  const fetched = createPartSet(PARTS);
  for (const [start, end] of ranges) {
    for (let index = start / PART; index * PART < end; index++) addPart(fetched, index);
  }
  return { code, fetched, written, notices };
}

function common(one: PartSet, other: PartSet): readonly number[] {
  return Array.from({ length: PARTS }, (_, index) => index).filter(
    (index) => hasPart(one, index) && hasPart(other, index),
  );
}

function namedBy({ note }: Disk): PartSet {
  const read = readJournal(testDigester, manifest, "manifest", note);
  return read.kind === "journal" ? read.parts : createPartSet(PARTS);
}

/** More than there are. */
const STEPS_MAX = 80;

describe("a download that is killed between any two steps", () => {
  it("goes on, right to the byte, and fetches no part twice that was written", async () => {
    let deaths = 0;
    for (let diesAt = 0; diesAt < STEPS_MAX; diesAt++) {
      const disk = createDisk();
      const first = await runOnce(disk, { diesAt, seed: `kill ${diesAt}` });
      if (first.code === "done") break;
      deaths++;
      const second = await runOnce(disk);
      expect(second.code).toBe("done");
      expect(common(first.written, second.fetched)).toEqual([]);
      expect(disk.whole).toEqual(content);
    }
    expect(deaths).toBeGreaterThan(PARTS);
  });

  it("and whose machine loses power then, fetches no part twice that its journal names", async () => {
    let named = 0;
    for (let diesAt = 0; diesAt < STEPS_MAX; diesAt++) {
      for (const image of [1, 2, 3]) {
        const random = createRandom(`power ${diesAt} ${image}`);
        const disk = createDisk();
        const first = await runOnce(disk, { diesAt, seed: `power ${diesAt}` });
        if (first.code === "done") continue;
        losePower(disk, random);
        const before = namedBy(disk);
        named += common(before, before).length;
        const second = await runOnce(disk);
        expect(second).toMatchObject({ code: "done", notices: [] });
        expect(common(before, second.fetched)).toEqual([]);
        expect(disk.whole).toEqual(content);
      }
    }
    expect(named).toBeGreaterThan(0);
  });

  it("again and again, ends all the same", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = createRandom(`again ${seed}`);
      const disk = createDisk();
      for (let run = 0; !disk.whole; run++) {
        const diesAt = run > 20 ? NEVER : random.whole(20);
        await runOnce(disk, { diesAt, seed: `${seed} ${run}` });
        if (!disk.whole && random.chance(0.5)) losePower(disk, random);
      }
      expect(disk.whole).toEqual(content);
    }
  });
});

it("a download that is paused names what has arrived by then", async () => {
  const disk = createDisk();
  const { transport } = serveBytes(content);
  const { clock } = createTicks();
  const ports = { ...shared, checkpoints: memoryCheckpoints(), transport, clock };
  const written = createPartSet(PARTS);
  const sink = openMortal(disk, NEVER, createRandom(""), (offset) => {
    addPart(written, offset / PART);
    if (common(written, written).length === 9) paused.resolve(transfer.pause());
  });
  const paused = Promise.withResolvers<void>();
  const transfer = startDownload(async () => sink, { url, manifest }, ports);
  await paused.promise;
  expect(common(written, written).length).toBeGreaterThan(8);
  expect(common(namedBy(disk), namedBy(disk))).toEqual(common(written, written));
  transfer.resume();
  await transfer.done;
  expect(disk.whole).toEqual(content);
});

describe("what a journal names", () => {
  /** Which parts of the working file are read. */
  function counting(reads: number[]) {
    return (sink: Sink): Sink => ({
      ...sink,
      read(file, offset, into) {
        reads.push(offset / PART);
        return sink.read(file, offset, into);
      },
    });
  }

  it("is not read again where a process ended in order, and nobody was at the file since", async () => {
    const disk = createDisk();
    let writes = 0;
    const stopped = await runOnce(disk, {
      wrap: (sink) => ({
        ...sink,
        async write(offset, bytes) {
          // As where the server is gone for good: not as a death.
          if (writes++ === 10) throw new HoldfastError("sink_failed", "enough");
          return sink.write(offset, bytes);
        },
      }),
    });
    expect(stopped.code).toBe("sink_failed");
    const parts = namedBy(disk);
    expect(common(parts, parts)).toEqual(common(stopped.written, stopped.written));
    const reads: number[] = [];
    expect((await runOnce(disk, { wrap: counting(reads) })).code).toBe("done");
    expect(reads.filter((index) => hasPart(parts, index))).toEqual([]);
    expect(disk.whole).toEqual(content);
  });

  /** Lets no part that is named be read until `open` is called; tells how many writes there were. */
  function holding(named: PartSet, onWrite: (writes: number, open: () => void) => void) {
    const gate = Promise.withResolvers<void>();
    let writes = 0;
    return (sink: Sink): Sink => ({
      ...sink,
      async read(file, offset, into) {
        if (hasPart(named, offset / PART)) await gate.promise;
        return sink.read(file, offset, into);
      },
      async write(offset, bytes) {
        await sink.write(offset, bytes);
        onWrite(++writes, gate.resolve);
      },
    });
  }

  /** A download that died, of which all that was written is named, with a bit flipped in the last part that is. */
  async function flippedDisk(
    seed: string,
  ): Promise<{ readonly disk: Disk; readonly index: number }> {
    const disk = createDisk();
    const { written } = await runOnce(disk, { diesAt: 12, seed });
    disk.bytes = disk.bytes.slice(0, (Math.max(...common(written, written)) + 1) * PART);
    const parts = createPartSet(PARTS);
    for (let at = 0; (at + 1) * PART <= disk.bytes.length; at++) addPart(parts, at);
    for (const at of common(parts, parts)) if (!hasPart(written, at)) removePart(parts, at);
    disk.note = encodeJournal(testDigester, manifest, {
      parts,
      mark: "before",
      digests: undefined,
    });
    // Not the first one that is read.
    const index = Math.max(...common(parts, parts));
    disk.bytes[index * PART + 3] = (disk.bytes[index * PART + 3] ?? 0) ^ 1;
    return { disk, index };
  }

  it("is read beside the transfer where somebody was, and what is bad is named and fetched again", async () => {
    const { disk, index } = await flippedDisk("beside");
    const named = namedBy(disk);
    const { code, fetched, notices } = await runOnce(disk);
    expect(code).toBe("done");
    expect(common(fetched, named)).toEqual([index]);
    expect(notices).toEqual([expect.stringContaining(`part ${index} was changed`)]);
    expect(disk.whole).toEqual(content);
  });

  it("is waited for where all else is there, and a bad part keeps the file from its name", async () => {
    const { disk, index } = await flippedDisk("late");
    const named = namedBy(disk);
    const left = PARTS - common(named, named).length;
    expect(left).toBeGreaterThan(0);
    const wrap = holding(named, (writes, open) => {
      if (writes === left) setImmediate(open);
    });
    const { code, fetched } = await runOnce(disk, { wrap });
    expect(code).toBe("done");
    expect(hasPart(fetched, index)).toBe(true);
    expect(disk.whole).toEqual(content);
  });

  it("keeps nobody waiting who aborts: no more than one part is read", async () => {
    const { disk } = await flippedDisk("aborted");
    let reads = 0;
    const gate = Promise.withResolvers<void>();
    const named = namedBy(disk);
    const wrap = (sink: Sink): Sink => ({
      ...sink,
      async read(file, offset, into) {
        if (!hasPart(named, offset / PART)) return sink.read(file, offset, into);
        reads++;
        await gate.promise;
        return sink.read(file, offset, into);
      },
    });
    const onState = (state: PublicState, transfer: Transfer) => {
      if (state !== "completing") return;
      transfer.abort();
      gate.resolve();
    };
    expect((await runOnce(disk, { wrap, onState })).code).toBe("aborted");
    expect(reads).toBe(1);
  });

  it("and was not read when a process ended in order, the next one reads", async () => {
    const { disk, index } = await flippedDisk("unread");
    const named = namedBy(disk);
    const gate = Promise.withResolvers<void>();
    let writes = 0;
    const wrap = (sink: Sink): Sink => ({
      ...sink,
      async read(file, offset, into) {
        if (hasPart(named, offset / PART)) await gate.promise;
        return sink.read(file, offset, into);
      },
      async write(offset, bytes) {
        if (++writes === 3) throw new HoldfastError("sink_failed", "enough");
        return sink.write(offset, bytes);
      },
    });
    const onState = (state: PublicState) => {
      // Once it has been told to read no more.
      if (state === "failed") setTimeout(gate.resolve, 20);
    };
    const { code, notices } = await runOnce(disk, { wrap, onState });
    expect({ code, notices }).toEqual({ code: "sink_failed", notices: [] });
    const { fetched } = await runOnce(disk);
    expect(hasPart(fetched, index)).toBe(true);
    expect(disk.whole).toEqual(content);
  });

  it.each<[string, (text: string) => string]>([
    ["torn", (text) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["altered", (text) => text.replace('"version":1', '"version":3')],
    ["of a newer version", () => newer()],
    ["of another file", () => foreign()],
  ])(
    "counts for nothing where it is %s: all is read, nothing fetched twice",
    async (_name, spoil) => {
      const disk = createDisk();
      const first = await runOnce(disk, { diesAt: 12 });
      disk.note = spoil(disk.note ?? "");
      const { code, fetched, notices } = await runOnce(disk);
      expect(code).toBe("done");
      expect(notices).toEqual([expect.stringMatching(/^the journal of this download is /)]);
      expect(common(first.written, fetched)).toEqual([]);
      expect(disk.whole).toEqual(content);
    },
  );

  function newer(): string {
    const parts = createPartSet(PARTS, new Uint8Array(PARTS).fill(255));
    const text = encodeJournal(testDigester, manifest, { parts, mark: "", digests: undefined });
    return sealed(text.slice(65).replace('"version":1', '"version":2'));
  }

  function foreign(): string {
    const other = manifestOf(content.slice().reverse(), PART);
    const parts = createPartSet(PARTS, new Uint8Array(PARTS).fill(255));
    return encodeJournal(testDigester, other, { parts, mark: "", digests: undefined });
  }

  function sealed(body: string): string {
    return `${Buffer.from(testDigester.sha256(Buffer.from(body))).toString("hex")} ${body}`;
  }
});

describe("a journal that cannot be kept", () => {
  function refusing(code: "checkpoint_failed" | "sink_failed") {
    return (sink: Sink): Sink => ({
      ...sink,
      note: async () => {
        throw new HoldfastError(code, "no room for it");
      },
    });
  }

  it("is told once, and the download goes on without it", async () => {
    const disk = createDisk();
    const { code, notices } = await runOnce(disk, { wrap: refusing("checkpoint_failed") });
    expect({ code, notices }).toEqual({ code: "done", notices: ["no room for it"] });
    expect(disk.whole).toEqual(content);
  });

  it("because the bytes could not be flushed ends the download: what was written may be lost", async () => {
    const disk = createDisk();
    const { code } = await runOnce(disk, { wrap: refusing("sink_failed") });
    expect(code).toBe("sink_failed");
    expect(disk.whole).toBeUndefined();
  });

  it("and is told so only when the last part is there, no flush after that is believed", async () => {
    const disk = createDisk();
    const all = Promise.withResolvers<void>();
    let writes = 0;
    const wrap = (sink: Sink): Sink => ({
      ...sink,
      async write(offset, bytes) {
        await sink.write(offset, bytes);
        if (++writes === PARTS) setTimeout(all.resolve, 20);
      },
      // A disk tells of what it has lost once: the next flush of the same file succeeds.
      async note() {
        await all.promise;
        throw new HoldfastError("sink_failed", "the disk has lost it");
      },
    });
    const { code } = await runOnce(disk, { wrap });
    expect(writes).toBe(PARTS);
    expect(code).toBe("sink_failed");
    expect(disk.whole).toBeUndefined();
  });
});

/** A sink whose target is elsewhere: it reads all of it again as it copies; `spoil` is what its disk makes of that. */
function copying(disk: Disk, spoil: (index: number, bytes: Uint8Array) => void) {
  return (sink: Sink): Sink => ({
    ...sink,
    async commit(size, existing, check) {
      for (let index = 0; index * check.partSize < size; index++) {
        const at = index * check.partSize;
        const part = disk.bytes.slice(at, Math.min(size, at + check.partSize));
        spoil(index, part);
        await check.judge(index, part);
      }
      await sink.commit(size, existing, check);
    },
  });
}

describe("a download that is copied when it is whole", () => {
  it("has every part judged once more, and what is bad is named and fetched again", async () => {
    const disk = createDisk();
    const judged: number[] = [];
    const spoil = (index: number, bytes: Uint8Array) => {
      judged.push(index);
      if (judged.length === 4) bytes[5] = (bytes[5] ?? 0) ^ 1;
    };
    const { code, notices } = await runOnce(disk, { wrap: copying(disk, spoil) });
    expect({ code, notices }).toEqual({
      code: "done",
      notices: [expect.stringMatching(/^part 3 was changed/)],
    });
    const all = Array.from({ length: PARTS }, (_, index) => index);
    expect(judged).toEqual([0, 1, 2, 3, ...all]);
    expect(disk.whole).toEqual(content);
  });

  it("fails with what hinders the copying, and has all of it the next time", async () => {
    const disk = createDisk();
    const wrap = (sink: Sink): Sink => ({
      ...sink,
      commit: () => Promise.reject(new HoldfastError("sink_denied")),
    });
    expect((await runOnce(disk, { wrap })).code).toBe("sink_denied");
    const { code, fetched } = await runOnce(disk, { wrap: copying(disk, () => undefined) });
    expect({ code, fetched: common(fetched, fetched) }).toEqual({ code: "done", fetched: [] });
    expect(disk.whole).toEqual(content);
  });
});

it("a download whose working file was cut short says so, and fetches what is gone", async () => {
  const disk = createDisk();
  expect((await runOnce(disk, { diesAt: 30, seed: "cut" })).code).not.toBe("done");
  expect(common(namedBy(disk), namedBy(disk)).length).toBeGreaterThan(0);
  disk.bytes = new Uint8Array(0);
  const { code, notices } = await runOnce(disk);
  expect({ code, notices }).toEqual({
    code: "done",
    notices: [expect.stringContaining("shorter than it was")],
  });
  expect(disk.whole).toEqual(content);
});
