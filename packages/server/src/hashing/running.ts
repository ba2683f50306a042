// Running digests, by the best code that is there for each.
import { createHash } from "node:crypto";
import type { RunningDigest } from "@holdfast/engine";
import type { Algorithm } from "@holdfast/protocol";
import { createBlake3 } from "./blake3.ts";

export function createRunning(algorithm: Algorithm): RunningDigest {
  return algorithm === "blake3" ? createBlake3() : createSha256();
}

function createSha256(): RunningDigest {
  const running = createHash("sha256");
  return {
    update: (bytes) => void running.update(bytes),
    snapshot: () => running.copy().digest(),
    digest: () => running.digest(),
  };
}
