// Running digests, by the best code that is there for each.
import { createHash } from "node:crypto";
import type { RunningDigest } from "@holdfast/engine";
import type { Algorithm } from "@holdfast/protocol";

export function createRunning(algorithm: Algorithm): RunningDigest {
  if (algorithm !== "sha-256") throw new RangeError(`no code for ${algorithm}`);
  const running = createHash("sha256");
  return {
    update: (bytes) => void running.update(bytes),
    snapshot: () => running.copy().digest(),
    digest: () => running.digest(),
  };
}
