// Builds the shim that makes a range of a file unreadable below a process until it is written over, and gives the environment that puts it there.
import { execFile } from "node:child_process";
import { open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const SOURCE = fileURLToPath(new URL("bad-sector.c", import.meta.url));

export interface BadSector {
  readonly env: Readonly<Record<string, string>>;
  /** From now on `size` bytes of a file from `start` on cannot be read: whole pages. The range before it is read as ever. */
  spoil(path: string, start: number, size: number): Promise<void>;
  /** Whether they are bad still, and how many reads have failed: proof that the shim is there at all. */
  look(): Promise<{ readonly isBad: boolean; readonly failed: number }>;
}

/** Compiles into `directory`. Needs gcc. */
export async function buildBadSector(directory: string): Promise<BadSector> {
  const library = join(directory, `bad-sector-${process.pid}.so`);
  const state = join(directory, `bad-sector-${process.pid}`);
  await promisify(execFile)("gcc", ["-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"]);
  await writeFile(state, new Uint8Array(32));
  return {
    env: { LD_PRELOAD: library, HOLDFAST_BAD_SECTOR: state },
    async spoil(path, start, size) {
      const { ino } = await stat(path, { bigint: true });
      const numbers = BigUint64Array.of(ino, BigInt(start), BigInt(size), 0n);
      // In place: the process has a map of it.
      const file = await open(state, "r+");
      await file.write(new Uint8Array(numbers.buffer), 0, 32, 0);
      await file.close();
    },
    async look() {
      const bytes = await readFile(state);
      const isBad = bytes.readBigUInt64LE(16) > 0n;
      return { isBad, failed: Number(bytes.readBigUInt64LE(24)) };
    },
  };
}
