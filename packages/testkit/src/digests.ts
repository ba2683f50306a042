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

export const nodeDigests: Digests = {
  create: createRunning,
  sha256: (bytes) => hash("sha256", bytes, "buffer"),
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
