// Installs the built packages as a stranger gets them: packed, unpacked where nothing of this repository is.
import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./steps.ts";

const BUILT = join(ROOT, "dist");

/** What the program prints. @throws Error where it fails */
export function run(program: string, args: readonly string[], cwd: string): string {
  const env = { ...process.env, HOLDFAST_STATE_DIR: join(cwd, "state") };
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env,
    encoding: "utf8",
  });
  if (status === 0) return stdout;
  throw new Error(
    `${program} ${args.join(" ")} ended with ${status ?? error}:\n${stdout}${stderr}`,
  );
}

/** What npm would publish of each package in dist/, laid out as npm would install it; resolves with the command. Optional dependencies are left out: this Node is new enough. */
export async function installBuilt(place: string): Promise<string> {
  const modules = join(place, "node_modules");
  for (const name of await readdir(BUILT)) {
    const { npm_execpath: npm } = process.env;
    const pack = ["pack", "--silent", "--pack-destination", place, join(BUILT, name)];
    const tarball = npm ? run(process.execPath, [npm, ...pack], place) : run("npm", pack, place);
    const target = join(modules, "@holdfast", name);
    await mkdir(target, { recursive: true });
    run("tar", ["-xzf", join(place, tarball.trim()), "-C", target, "--strip-components=1"], place);
  }
  const wanted = new Set<string>();
  for (const name of await readdir(BUILT)) await wantDependencies(join(BUILT, name), wanted);
  for (const name of wanted) {
    await cp(join(ROOT, "node_modules", name), join(modules, name), { recursive: true });
  }
  return join(modules, "@holdfast/cli/bin/holdfast.js");
}

/** What a package needs of others, and what those need. */
async function wantDependencies(directory: string, wanted: Set<string>): Promise<void> {
  const { dependencies = {} } = JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    if (name.startsWith("@holdfast/") || wanted.has(name)) continue;
    wanted.add(name);
    await wantDependencies(join(ROOT, "node_modules", name), wanted);
  }
}
