// Programs to compare with that come as Python wheels: installed once, into a cache of the bench's own.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** A fresh install of the packages removes it. */
const CACHE: string = fileURLToPath(
  new URL("../node_modules/.cache/holdfast-bench", import.meta.url),
);

export interface Wheel {
  readonly name: string;
  readonly version: string;
}

/** The folder that the wheel and what it depends on lie in. */
export async function installWheel({ name, version }: Wheel): Promise<string> {
  const into = join(CACHE, `${name}-${version}`);
  if (existsSync(into)) return into;
  console.error(`bench: installing ${name} ${version} (a Python wheel), a peer to compare with`);
  const making = `${into}.${process.pid}`;
  const how = ["-m", "pip", "install", "-q", "--only-binary=:all:", "--target", making];
  try {
    await promisify(execFile)("python3", [...how, `${name}==${version}`]);
    await rename(making, into);
  } catch (cause) {
    await rm(making, { recursive: true, force: true });
    throw new Error(`bench compares with ${name}, and pip could not install it`, { cause });
  }
  return into;
}
