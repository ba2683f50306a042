// Checksums of tus: a running digest by the name that it has there.
import { createHash, type Hash } from "node:crypto";
import type { ChecksumAlgorithm } from "@holdfast/protocol";
import { crc32c } from "./crc32c.ts";

export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  /** Numbers have their highest byte first. May be asked once. */
  digest(): Uint8Array;
}

export function createChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  if (algorithm === "crc32c") return createCrc32c();
  const running: Hash = createHash(algorithm);
  return {
    update: (bytes) => void running.update(bytes),
    digest: () => running.digest(),
  };
}

function createCrc32c(): RunningChecksum {
  let value = 0;
  return {
    update(bytes) {
      value = crc32c(bytes, value);
    },
    digest() {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, value);
      return bytes;
    },
  };
}
