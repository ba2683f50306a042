// What Node gives every transfer: time, chance, digests, and where the state of a user lives.
import { createHash, hash, randomBytes } from "node:crypto";
import { devNull, homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Clock, Digester, Random } from "../ports.ts";
import { blake3 } from "./blake3.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** Asking the system costs the same for two bytes as for a thousand, and each event of a transfer wants two. */
const POOL_BYTES = 4096;
let pool = new Uint8Array();

/** No byte is given out twice. */
export const systemRandom: Random = {
  bytes(size) {
    if (size > POOL_BYTES / 4) return randomBytes(size);
    if (size > pool.length) pool = randomBytes(POOL_BYTES);
    const taken = pool.subarray(0, size);
    pool = pool.subarray(size);
    return taken;
  },
};

function sha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

/** Done when it returns: OpenSSL digests faster than bytes could be carried to another thread and back. */
export const systemDigester: Digester = {
  sha256,
  digest: (bytes, algorithm) => (algorithm === "blake3" ? blake3(bytes) : sha256(bytes)),
  hasher() {
    const whole = createHash("sha256");
    return { update: (bytes) => void whole.update(bytes), digest: () => whole.digest() };
  },
};

/** What decides where the state directory is. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Empty where there is none. */
  readonly home: string;
}

export function surroundings(): Surroundings {
  return {
    platform: process.platform,
    env: process.env,
    get home() {
      return homeOrNone();
    },
  };
}

function homeOrNone(): string {
  try {
    return homedir();
  } catch {
    // Without HOME it asks the system's table of users, and a container's user need not stand there.
    return "";
  }
}

/** Nothing can be made below it: every use is `checkpoint_failed`, which a transfer tells of and goes on without. */
const NOWHERE: string = join(devNull, "no-state-directory");

/** Directory of the user's checkpoints: HOLDFAST_STATE_DIR, or where the platform keeps such things. */
export function stateDirectory(around: Surroundings): string {
  const named = around.env["HOLDFAST_STATE_DIR"];
  if (named) return named;
  const kept = keptDirectory(around);
  // What the environment says in relative terms would leave state wherever the command happens to run.
  return kept === undefined ? NOWHERE : join(kept, "holdfast");
}

function keptDirectory(around: Surroundings): string | undefined {
  const { platform, env } = around;
  const told = platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_STATE_HOME"];
  if (platform !== "darwin" && told && isAbsolute(told)) return told;
  const { home } = around;
  if (!isAbsolute(home)) return undefined;
  if (platform === "darwin") return join(home, "Library", "Application Support");
  return platform === "win32" ? join(home, "AppData", "Local") : join(home, ".local", "state");
}
