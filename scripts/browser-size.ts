// What a page loads of the client for browsers, in bytes: the entry has a limit; what comes on demand is listed beside it.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";

/** Bytes, gzipped, that a page loads before anything happens. */
const ENTRY_MAX = 15_000;
/** What an entry may bring along of others. */
const ALLOWED: ReadonlySet<string> = new Set(["idb"]);

const SOURCES = fileURLToPath(new URL("../packages/client/src/browser/", import.meta.url));

interface Bundle {
  /** What is loaded at once. */
  readonly entry: readonly OutputChunk[];
  readonly onDemand: readonly OutputChunk[];
}

async function bundle(script: string): Promise<Bundle> {
  const building = await rolldown({ input: SOURCES + script, platform: "browser" });
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

function sizeOf(chunks: readonly OutputChunk[]): number {
  const sizes = chunks.map(({ code }) => gzipSync(code, { level: 9 }).length);
  return sizes.reduce((sum, size) => sum + size, 0);
}

function packagesOf(chunks: readonly OutputChunk[]): readonly string[] {
  const names = chunks.flatMap(({ moduleIds }) =>
    moduleIds.flatMap((id) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? []),
  );
  return [...new Set(names)].filter((name) => !name.startsWith("@holdfast/"));
}

const kB = (bytes: number) => `${(bytes / 1000).toFixed(1).padStart(6)} kB`;

const { entry } = await bundle("index.ts");
const worker = await bundle("worker.ts");
console.log(
  `${kB(sizeOf(entry))}  the entry: what a page loads at once (${kB(ENTRY_MAX).trim()} at most)`,
);
console.log(`${kB(sizeOf(worker.entry))}  the worker, which the first upload starts`);
for (const chunk of worker.onDemand)
  console.log(`${kB(sizeOf([chunk]))}  ${chunk.name}, which it loads where it needs it`);

const faults: string[] = [];
if (sizeOf(entry) > ENTRY_MAX) faults.push("the entry is larger than it may be");
for (const name of packagesOf(entry))
  if (!ALLOWED.has(name)) faults.push(`the entry brings ${name} along`);
for (const fault of faults) console.error(`FAILED ${fault}`);
if (faults.length > 0) process.exitCode = 1;
