// The real digests, for engines under test; a scan hashes at once, where it is.
import { createHash, hash } from "node:crypto";
import type { Digests } from "@holdfast/engine";

function createRunning() {
  const running = createHash("sha256");
  return {
    update: (bytes: Uint8Array) => void running.update(bytes),
    snapshot: (): Uint8Array => running.copy().digest(),
    digest: (): Uint8Array => running.digest(),
  };
}

/** Bit by bit, as it is defined. */
function crc32c(bytes: Uint8Array, before: number): number {
  let crc = ~before >>> 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

export const nodeDigests: Digests = {
  algorithms: ["sha-256"],
  create: createRunning,
  sha256: (bytes) => hash("sha256", bytes, "buffer"),
  crc32c,
  scan() {
    const whole = createRunning();
    let part = createRunning();
    return {
      async update(bytes) {
        whole.update(bytes);
        part.update(bytes);
      },
      async endPart() {
        const digest = part.digest();
        part = createRunning();
        return digest;
      },
      end: async () => whole.digest(),
      close: () => undefined,
    };
  },
};
