// The real clock, randomness and hashing.
import { hash, randomBytes, randomFillSync } from "node:crypto";
import type { Clock, Digests, Random } from "@holdfast/engine";
import { crc32c } from "./hashing/crc32c.ts";
import { createRunning } from "./hashing/running.ts";
import { startScan } from "./hashing/scan.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** Unpredictable bytes drawn ahead: a call of the system for each id costs more than a small file's other arithmetic together. */
const drawn = Buffer.alloc(4096);
let drawnFrom = drawn.length;

export const systemRandom: Random = {
  bytes(size) {
    if (size > drawn.length) return randomBytes(size);
    if (drawnFrom + size > drawn.length) {
      randomFillSync(drawn);
      drawnFrom = 0;
    }
    const bytes = new Uint8Array(drawn.subarray(drawnFrom, drawnFrom + size));
    // Nobody finds in memory what was given out as a key.
    drawn.fill(0, drawnFrom, drawnFrom + size);
    drawnFrom += size;
    return bytes;
  },
};

export const systemDigests: Digests = {
  algorithms: ["sha-256", "blake3"],
  create: (algorithm = "sha-256") => createRunning(algorithm),
  sha256: (bytes) => hash("sha256", bytes, "buffer"),
  crc32c,
  scan: startScan,
};
