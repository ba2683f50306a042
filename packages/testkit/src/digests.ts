// The real SHA-256, for engines under test.
import { createHash, hash } from "node:crypto";
import type { Digests } from "@holdfast/engine";

export const nodeDigests: Digests = {
  create() {
    const running = createHash("sha256");
    return {
      update: (bytes) => void running.update(bytes),
      snapshot: () => running.copy().digest(),
      digest: () => running.digest(),
    };
  },
  sha256: (bytes) => hash("sha256", bytes, "buffer"),
};
