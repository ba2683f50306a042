// Builds the shim that delays flushes below a process, and gives the environment that puts it there.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const SOURCE = fileURLToPath(new URL("slow-flush.c", import.meta.url));

export interface SlowFlush {
  readonly env: Readonly<Record<string, string>>;
  /** Flushes since the process started: proof that the shim is there at all. */
  flushes(): Promise<number>;
}

/** Compiles into `directory`; `delayMs` is added to every flush. Needs gcc. */
export async function buildSlowFlush(directory: string, delayMs: number): Promise<SlowFlush> {
  const library = join(directory, `slow-flush-${process.pid}.so`);
  const count = join(directory, `flushes-${process.pid}-${delayMs}`);
  await promisify(execFile)("gcc", ["-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"]);
  return {
    env: {
      LD_PRELOAD: library,
      HOLDFAST_SLOW_FLUSH_MS: `${delayMs}`,
      HOLDFAST_FLUSH_COUNT: count,
    },
    async flushes() {
      const bytes = await readFile(count);
      return bytes.length < 8 ? 0 : Number(bytes.readBigUInt64LE(0));
    },
  };
}
