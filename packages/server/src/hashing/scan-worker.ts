// The hashing thread: digests of much at once, so that the event loop stays free for those who are waiting.
import { parentPort } from "node:worker_threads";
import type { RunningDigest } from "@holdfast/engine";
import type { Algorithm } from "@holdfast/protocol";
import type { FromHasher, ToHasher } from "./messages.ts";
import { createRunning } from "./running.ts";

interface Hashing {
  readonly algorithm: Algorithm | undefined;
  part: RunningDigest | undefined;
  readonly whole: RunningDigest | undefined;
}

const NOTHING = new Uint8Array();
const port = parentPort;
const scans = new Map<number, Hashing>();

function say(message: FromHasher, memory?: Uint8Array<ArrayBuffer>): void {
  port?.postMessage(message, memory ? [memory.buffer] : []);
}

function begin(scan: number, algorithm: Algorithm | undefined, hasWhole: boolean): void {
  const part = algorithm && createRunning(algorithm);
  scans.set(scan, { algorithm, part, whole: hasWhole ? createRunning("sha-256") : undefined });
}

function take(message: ToHasher): void {
  const { scan } = message;
  const hashing = scans.get(scan);
  if (message.kind === "begin") begin(scan, message.parts, message.hasWhole);
  else if (message.kind === "close") scans.delete(scan);
  else if (hashing) hashOn(scan, hashing, message);
}

type Step = Exclude<ToHasher, { readonly kind: "begin" | "close" }>;

function hashOn(scan: number, hashing: Hashing, message: Step): void {
  if (message.kind === "bytes") {
    const { memory, size } = message;
    const bytes = memory.subarray(0, size);
    hashing.part?.update(bytes);
    hashing.whole?.update(bytes);
    say({ scan, kind: "free", memory }, memory);
  } else if (message.kind === "part") {
    say({ scan, kind: "digest", digest: hashing.part?.digest() ?? NOTHING });
    hashing.part = hashing.algorithm && createRunning(hashing.algorithm);
  } else {
    say({ scan, kind: "digest", digest: hashing.whole?.digest() ?? NOTHING });
  }
}

port?.on("message", take);
