// The real clock, randomness and hashing.
import { hash, randomBytes } from "node:crypto";
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

export const systemRandom: Random = {
  bytes: (size) => randomBytes(size),
};

export const systemDigests: Digests = {
  algorithms: ["sha-256", "blake3"],
  create: (algorithm = "sha-256") => createRunning(algorithm),
  sha256: (bytes) => hash("sha256", bytes, "buffer"),
  crc32c,
  scan: startScan,
};
