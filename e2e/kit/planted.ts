// Copies of the packages with mistakes planted into them, for checks that must find those.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const PACKAGES = fileURLToPath(new URL("../../packages/", import.meta.url));
const COPIED = ["protocol", "engine", "server", "testkit"];

export interface Edit {
  readonly file: string;
  /** Must stand in the file exactly once: a bug that can no longer be planted is a failure, not a pass. */
  readonly find: string;
  readonly replace: string;
}

const places: string[] = [];

/** Copies go after the last test of the file that calls this. */
export function removeCopiesAfterAll(): void {
  afterAll(async () => {
    for (const place of places.splice(0)) await rm(place, { recursive: true });
  });
}

/** Resolves with the directory of the packages' copy. */
export async function plant(edits: readonly Edit[]): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), "holdfast-planted-"));
  places.push(place);
  await mkdir(join(place, "node_modules/@holdfast"), { recursive: true });
  for (const name of COPIED) {
    const to = join(place, "packages", name);
    await cp(join(PACKAGES, name, "package.json"), join(to, "package.json"), { recursive: true });
    await cp(join(PACKAGES, name, "src"), join(to, "src"), { recursive: true });
    await symlink(to, join(place, "node_modules/@holdfast", name));
  }
  for (const { file, find, replace } of edits) {
    const path = join(place, "packages", file);
    const text = await readFile(path, "utf8");
    if (text.split(find).length !== 2) throw new Error(`not once in ${file}: ${find}`);
    await writeFile(
      path,
      text.replace(find, () => replace),
    );
  }
  return join(place, "packages");
}

/** Runs a program of ours to its end. */
export function runNode(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}
