// A copy of the packages that mistakes are planted into, one after the other, for checks that must find those.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGES = fileURLToPath(new URL("../../packages/", import.meta.url));
const COPIED = ["protocol", "engine", "server", "testkit"];

export interface Edit {
  readonly file: string;
  /** Must stand in the file exactly once: a bug that can no longer be planted is a failure, not a pass. */
  readonly find: string;
  readonly replace: string;
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Copy {
  /** Runs a program of the copy, named by its path in `packages`, with these edits in place; one at a time. */
  run(edits: readonly Edit[], program: string, args: readonly string[]): Promise<Ended>;
  remove(): Promise<void>;
}

/** One copy for all the mistakes of a file of tests: what is compiled of it once is compiled for the next one too. */
export async function copyPackages(): Promise<Copy> {
  const place = await mkdtemp(join(tmpdir(), "holdfast-planted-"));
  const packages = join(place, "packages");
  await mkdir(join(place, "node_modules/@holdfast"), { recursive: true });
  for (const name of COPIED) {
    const to = join(packages, name);
    await cp(join(PACKAGES, name, "package.json"), join(to, "package.json"), { recursive: true });
    await cp(join(PACKAGES, name, "src"), join(to, "src"), { recursive: true });
    await symlink(to, join(place, "node_modules/@holdfast", name));
  }
  const env = { ...process.env, NODE_COMPILE_CACHE: join(place, "compiled") };
  return {
    async run(edits, program, args) {
      const untouched = new Map<string, string>();
      try {
        for (const edit of edits) await plant(join(packages, edit.file), edit, untouched);
        return await runNode([join(packages, program), ...args], env);
      } finally {
        for (const [path, text] of untouched) await writeFile(path, text);
      }
    },
    remove: () => rm(place, { recursive: true }),
  };
}

/** `untouched` keeps what the file was before its first edit. */
async function plant(
  path: string,
  { file, find, replace }: Edit,
  untouched: Map<string, string>,
): Promise<void> {
  const text = await readFile(path, "utf8");
  if (text.split(find).length !== 2) throw new Error(`not once in ${file}: ${find}`);
  if (!untouched.has(path)) untouched.set(path, text);
  await writeFile(
    path,
    text.replace(find, () => replace),
  );
}

/** Less than any test may take: one that went on behind its test would have its mistakes taken out, and put back, under the next one. */
const RUN_MS_MAX = 280_000;

function runNode(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    const how = { env, timeout: RUN_MS_MAX, killSignal: "SIGKILL" } as const;
    execFile(process.execPath, args, how, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? Number.NaN) : 0, stdout, stderr });
    });
  });
}
