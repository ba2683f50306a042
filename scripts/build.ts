// Builds the packages as they are published, into dist/<package>, and lets publint look at them.
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { dropModules, joinModules } from "./join.ts";
import { ROOT, runNode } from "./steps.ts";

/** Each before the ones that import it. */
const PACKAGES = ["protocol", "engine", "server", "client", "uppy", "cli"];
const OUT = join(ROOT, "dist");

/** Packages whose entries are joined for Node. Bundlers get the protocol's modules as they are, of which they leave out what a page does not need. */
const JOINED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  protocol: { node: "index" },
  client: { index: "index", "node/index": "node/index", "node/ahead": "node/ahead" },
  cli: { main: "main" },
};

type Manifest = Record<string, unknown>;

async function build(name: string): Promise<void> {
  const from = join(ROOT, "packages", name);
  const to = join(OUT, name);
  await mkdir(to, { recursive: true });
  await emit(from, join(to, "dist"));
  const manifest: Manifest = JSON.parse(await readFile(join(from, "package.json"), "utf8"));
  await writeFile(join(to, "package.json"), `${JSON.stringify(published(manifest), null, 2)}\n`);
  if (JOINED[name]) await joinModules(join(to, "dist"), JOINED[name]);
  // Nothing else of it is an entry: pages are bundled from the modules of the others.
  if (manifest["bin"]) await dropModules(join(to, "dist"), /^(?:main|joined-.*)\.js$/);
  await cp(join(ROOT, "LICENSE"), join(to, "LICENSE"));
  const own = join(from, "README.md");
  await cp(existsSync(own) ? own : join(ROOT, "README.md"), join(to, "README.md"));
  if (manifest["bin"]) await cp(join(from, "bin"), join(to, "bin"), { recursive: true });
}

/** Erases the types: JavaScript and declarations of everything but tests. */
async function emit(from: string, outDir: string): Promise<void> {
  const config = join(OUT, "tsconfig.json");
  await writeFile(
    config,
    JSON.stringify({
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        rewriteRelativeImportExtensions: true,
        rootDir: join(from, "src"),
        outDir,
      },
      include: [join(from, "src/**/*.ts")],
      exclude: [join(from, "src/**/*.test.ts")],
    }),
  );
  try {
    const { code, output } = await runNode(["node_modules/typescript/bin/tsc", "-p", config], {
      isShown: false,
    });
    if (code !== 0) throw new Error(`tsc on ${from}:\n${output}`);
  } finally {
    await rm(config);
  }
  await pointAtJavaScript(outDir);
}

/** What is not imported but started, a worker for instance, is named by `new URL("./x.ts", import.meta.url)`, which tsc leaves as it is. */
async function pointAtJavaScript(dir: string): Promise<void> {
  for (const path of await readdir(dir, { recursive: true })) {
    if (!path.endsWith(".js")) continue;
    const text = await readFile(join(dir, path), "utf8");
    const next = text.replace(/(new URL\("\.{1,2}\/[^"]*)\.ts"/g, '$1.js"');
    if (next !== text) await writeFile(join(dir, path), next);
  }
}

/** Every `./src/x.ts` becomes `./dist/x.js`, with its declarations. */
function published(manifest: Manifest): Manifest {
  const { name, exports: entries } = manifest;
  if (entries === undefined) return manifest;
  const built = builtEntry(entries);
  return { ...manifest, exports: name === "@holdfast/protocol" ? withNode(built) : built };
}

/** The first that fits counts: types, then what is for Node, then what is for everybody. */
function withNode(built: unknown): unknown {
  const text = JSON.stringify(built);
  return JSON.parse(text.replace('"default":', '"node":"./dist/node.js","default":'));
}

/** An entry is a path, or an object of entries by conditions. */
function builtEntry(entry: unknown): unknown {
  if (typeof entry === "object" && entry !== null) {
    return Object.fromEntries(
      Object.entries(entry).map(([name, inner]) => [name, builtEntry(inner)]),
    );
  }
  const stem = String(entry)
    .replace(/^\.\/src\//, "./dist/")
    .replace(/\.ts$/, "");
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}

/** The number of things to put right. */
async function lint(name: string): Promise<number> {
  const pkgDir = join(OUT, name);
  const { messages, pkg } = await publint({ pkgDir, level: "warning", strict: true });
  for (const message of messages) console.log(`${name}: ${formatMessage(message, pkg)}`);
  return messages.length;
}

await rm(OUT, { recursive: true, force: true });
let faults = 0;
for (const name of PACKAGES) {
  await build(name);
  faults += await lint(name);
}
if (faults > 0) process.exitCode = 1;
else console.log(`built ${PACKAGES.map((name) => `dist/${name}`).join(", ")}`);
