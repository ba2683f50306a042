// For tests: a disk that holds one download, with what is flushed and what is not, under a process that may die between any two steps.
import { HoldfastError } from "@holdfast/protocol";
import type { Sink } from "../../ports.ts";

export interface Dice {
  /** A whole number from 0 to `below` - 1. */
  whole(below: number): number;
  chance(probability: number): boolean;
}

/** What a power cut may leave or take, one by one. */
const SECTOR = 512;

export interface Disk {
  bytes: Uint8Array;
  /** What survives power loss for sure. */
  flushed: Uint8Array;
  mark: string;
  note: string | undefined;
  whole: Uint8Array | undefined;
}

export function createDisk(): Disk {
  return {
    bytes: new Uint8Array(0),
    flushed: new Uint8Array(0),
    mark: "0",
    note: undefined,
    whole: undefined,
  };
}

/** The sink of one process, which dies at its step `diesAt`, counted from 0; `keeps` says how much of a write gets there then. */
export function openMortal(
  disk: Disk,
  diesAt: number,
  random: Dice,
  onWritten: (offset: number) => void = () => undefined,
): Sink {
  let steps = 0;
  /** Rejects for ever once it has died; `half` is what is done of the step all the same. */
  async function step(half: () => void = () => undefined): Promise<void> {
    if (steps === diesAt) half();
    if (steps++ >= diesAt) throw new HoldfastError("sink_failed", "there is nobody any more");
  }
  function put(offset: number, bytes: Uint8Array): void {
    const next = new Uint8Array(Math.max(disk.bytes.length, offset + bytes.length));
    next.set(disk.bytes);
    next.set(bytes, offset);
    disk.bytes = next;
    disk.mark = String(Number(disk.mark) + 1);
  }
  return {
    identity: "/mortal",
    working: "beside",
    existingSize: async () => disk.whole?.length,
    open: async () => ({ size: disk.bytes.length, mark: disk.mark, note: disk.note }),
    async read(file, offset, into) {
      const from = (file === "whole" ? disk.whole : disk.bytes) ?? new Uint8Array(0);
      const there = from.subarray(offset, offset + into.length);
      into.set(there);
      return there.length;
    },
    memory: "any",
    async write(offset, bytes) {
      await step(() => put(offset, bytes.subarray(0, random.whole(bytes.length))));
      put(offset, bytes);
      onWritten(offset);
    },
    async note(make) {
      await step();
      disk.flushed = disk.bytes.slice();
      // A flush takes its time, and parts arrive meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
      const text = make(disk.mark);
      await step();
      disk.note = text;
      await step();
    },
    async commit(size) {
      await step();
      disk.flushed = disk.bytes.slice(0, size);
      await step();
      disk.whole = disk.flushed;
      await step();
      disk.note = undefined;
    },
    discard: async () => undefined,
    close: async () => undefined,
  };
}

/** Of what was not flushed, any of it may be there; what the file system says of its last change, too. */
export function losePower(disk: Disk, random: Dice): void {
  const kept = disk.bytes.slice(0, random.chance(0.5) ? disk.bytes.length : disk.flushed.length);
  for (let at = 0; at < kept.length; at += SECTOR) {
    if (random.chance(0.5)) continue;
    const old = new Uint8Array(Math.min(SECTOR, kept.length - at));
    old.set(disk.flushed.subarray(at, at + old.length));
    kept.set(old, at);
  }
  disk.bytes = kept;
  const noted = /"mark":"(\d+)"/.exec(disk.note ?? "")?.[1];
  if (noted !== undefined && random.chance(0.5)) disk.mark = noted;
}
