// What Node gives every transfer: time, chance, digests, and where the state of a user lives.
import { hash, randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Clock, Digester, Random } from "../ports.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = { bytes: (size) => randomBytes(size) };

function sha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

/** Done when it returns: OpenSSL digests faster than bytes could be carried to another thread and back. */
export const systemDigester: Digester = { sha256, digest: sha256 };

/** What decides where the state directory is. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

export function surroundings(): Surroundings {
  return { platform: process.platform, env: process.env, home: homedir() };
}

/** Directory of the user's checkpoints: HOLDFAST_STATE_DIR, or where the platform keeps such things. */
export function stateDirectory({ platform, env, home }: Surroundings): string {
  const named = env["HOLDFAST_STATE_DIR"];
  if (named) return named;
  if (platform === "darwin") return join(home, "Library", "Application Support", "holdfast");
  if (platform === "win32") {
    return join(env["LOCALAPPDATA"] || join(home, "AppData", "Local"), "holdfast");
  }
  return join(env["XDG_STATE_HOME"] || join(home, ".local", "state"), "holdfast");
}
