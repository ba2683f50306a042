// Joins what a built package's entries load in Node into a file or two each: to find, read and compile hundreds of small ones is most of the start of a command.
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rolldown } from "rolldown";

/**
 * Writes `entries`, by the names of their files in `directory` without `.js`, each in the place that the name says. Other packages stay what they are: an error of ours is known by its class, of which there
 * may only be one in a process.
 */
export async function joinModules(
  directory: string,
  entries: Readonly<Record<string, string>>,
): Promise<void> {
  const input = Object.fromEntries(
    Object.entries(entries).map(([to, from]) => [to, join(directory, `${from}.js`)]),
  );
  const building = await rolldown({
    input,
    platform: "node",
    external: (id) => /^(?:node:|@|[a-z])/.test(id),
  });
  try {
    const { output } = await building.generate({
      format: "esm",
      chunkFileNames: "joined-[name].js",
    });
    for (const one of output) {
      if (one.type !== "chunk") throw new Error(`${one.fileName} is no code`);
      await writeFile(join(directory, one.fileName), one.code);
    }
  } finally {
    await building.close();
  }
}

/** Removes the modules that are in others by now. */
export async function dropModules(directory: string, kept: RegExp): Promise<void> {
  for (const path of await readdir(directory, { recursive: true })) {
    if (path.endsWith(".js") && !kept.test(path)) await rm(join(directory, path));
  }
}
