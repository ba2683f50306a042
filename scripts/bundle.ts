// What a bundler makes of a script that imports ours: what it loads at once, what it loads where it needs it, and whose code that is.
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { ROOT } from "./steps.ts";

export interface Bundle {
  /** What is loaded at once. */
  readonly entry: readonly OutputChunk[];
  readonly onDemand: readonly OutputChunk[];
}

/** A script with this text, as a page's own that lies in this repository. */
export async function bundle(text: string): Promise<Bundle> {
  const input = join(ROOT, "scripts/virtual-entry.js");
  const building = await rolldown({
    input,
    platform: "browser",
    plugins: [
      {
        name: "virtual-entry",
        resolveId: (id) => (id === input ? id : undefined),
        load: (id) => (id === input ? text : undefined),
      },
    ],
  });
  try {
    const { output } = await building.generate({ format: "esm", minify: true });
    const chunks = output.filter((one) => one.type === "chunk");
    const entry = new Set(chunks.filter(({ isEntry }) => isEntry));
    for (const chunk of entry)
      for (const name of chunk.imports)
        for (const one of chunks) if (one.fileName === name) entry.add(one);
    return { entry: [...entry], onDemand: chunks.filter((chunk) => !entry.has(chunk)) };
  } finally {
    await building.close();
  }
}

/** In bytes, gzipped. */
export function sizeOf(chunks: readonly OutputChunk[]): number {
  const sizes = chunks.map(({ code }) => gzipSync(code, { level: 9 }).length);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Files that have code there. */
export function modulesOf(chunks: readonly OutputChunk[]): readonly string[] {
  return chunks.flatMap(({ modules }) =>
    Object.entries(modules).flatMap(([id, { renderedLength }]) => (renderedLength > 0 ? [id] : [])),
  );
}

/** Names of packages that are not ours and have code there. */
export function packagesOf(chunks: readonly OutputChunk[]): ReadonlySet<string> {
  const names = modulesOf(chunks).flatMap(
    (id) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? [],
  );
  return new Set(names.filter((name) => !name.startsWith("@holdfast/")));
}
