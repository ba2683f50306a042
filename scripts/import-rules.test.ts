// The import rules of biome.json bite: each planted violation is found, and what is allowed stays so.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIOME = join(ROOT, "node_modules/@biomejs/biome/bin/biome");

const SIBLINGS = ["./b.ts", "./deeper/b.ts"];
const FOREIGN = ["../../engine/src/k.ts", "../../../server/src/j.ts", "@holdfast/testkit"];

interface Rule {
  readonly file: string;
  readonly allowed: readonly string[];
  readonly refused: readonly string[];
}

const RULES: readonly Rule[] = [
  {
    file: "packages/protocol/src/planted.ts",
    allowed: SIBLINGS,
    refused: [
      "node:fs",
      "fs",
      "zod",
      "../x.ts",
      "@holdfast/engine",
      "@holdfast/protocol",
      ...FOREIGN,
    ],
  },
  {
    file: "packages/engine/src/planted.ts",
    allowed: [...SIBLINGS, "@holdfast/protocol"],
    refused: ["node:fs", "fs", "zod", "@holdfast/server", "@holdfast/client", ...FOREIGN],
  },
  {
    file: "packages/client/src/planted.ts",
    allowed: [...SIBLINGS, "@holdfast/protocol"],
    refused: [
      "node:fs",
      "fs",
      "zod",
      "@holdfast/engine",
      "@holdfast/server",
      "./node/b.ts",
      ...FOREIGN,
    ],
  },
  {
    file: "packages/client/src/sink/planted.ts",
    allowed: [...SIBLINGS, "../b.ts", "@holdfast/protocol"],
    refused: ["node:fs", "@holdfast/engine", "../node/b.ts", ...FOREIGN],
  },
  {
    file: "packages/client/src/node/planted.ts",
    allowed: [...SIBLINGS, "../b.ts", "node:fs", "@holdfast/protocol"],
    refused: ["@holdfast/engine", "@holdfast/server", "@holdfast/cli", ...FOREIGN],
  },
  {
    file: "packages/server/src/http/planted.ts",
    allowed: [...SIBLINGS, "../b.ts", "node:http", "@holdfast/protocol", "@holdfast/engine"],
    refused: ["@holdfast/client", "@holdfast/client/node", "@holdfast/cli", ...FOREIGN],
  },
  {
    file: "packages/uppy/src/planted.ts",
    allowed: [...SIBLINGS, "@holdfast/client/browser", "@uppy/core"],
    refused: ["@holdfast/client", "@holdfast/client/node", "@uppy/dashboard", "fs", ...FOREIGN],
  },
  {
    file: "packages/cli/src/planted.ts",
    allowed: [
      ...SIBLINGS,
      "node:fs",
      "commander",
      "@holdfast/protocol",
      "@holdfast/server",
      "@holdfast/client",
      "@holdfast/client/node",
      "@holdfast/client/node/ahead",
    ],
    refused: ["@holdfast/engine", ...FOREIGN],
  },
];

const PURE = ["packages/protocol/src", "packages/engine/src", "packages/client/src"];
const ADAPTERS = ["packages/client/src/node", "packages/server/src", "packages/cli/src"];
const IMPURE = [
  "setTimeout(f, 1)",
  "setInterval(f, 1)",
  "setImmediate(f)",
  "Date.now()",
  "new Date()",
  "performance.now()",
  "Math.random()",
  "crypto.getRandomValues(b)",
  'fetch("x")',
  "process.env",
  "Buffer.alloc(1)",
];

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-rules-"));
  await cp(join(ROOT, "biome.json"), join(directory, "biome.json"));
});

afterAll(() => rm(directory, { recursive: true }));

/** The lines (from 1) of a planted file in which the restriction rules find something. */
async function linesFound(file: string, lines: readonly string[]): Promise<readonly number[]> {
  const path = join(directory, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${lines.join("\n")}\n`);
  const rules = [
    "style/noRestrictedImports",
    "style/noRestrictedGlobals",
    "nursery/noJsRestrictedProperties",
  ];
  const only = rules.map((rule) => `--only=${rule}`);
  const flags = [
    "lint",
    "--vcs-enabled=false",
    "--max-diagnostics=200",
    "--reporter=json",
    ...only,
    file,
  ];
  const report = await new Promise<string>((resolve) => {
    execFile(process.execPath, [BIOME, ...flags], { cwd: directory }, (_error, stdout) =>
      resolve(stdout),
    );
  });
  const found: { diagnostics: { location: { start: { line: number } } }[] } = JSON.parse(report);
  return [...new Set(found.diagnostics.map(({ location }) => location.start.line))].toSorted(
    (a, b) => a - b,
  );
}

function numbered(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => from + at);
}

describe("import rules", () => {
  it.each(RULES)("of $file", async ({ file, allowed, refused }) => {
    const lines = [...allowed, ...refused].map((name, at) => `export { x${at} } from "${name}";`);
    expect(await linesFound(file, lines)).toEqual(numbered(allowed.length + 1, refused.length));
  });
});

describe("clock, randomness, network and Node's globals", () => {
  const lines = IMPURE.map((code, at) => `export const x${at}: unknown = ${code};`);

  it.each(PURE)("are refused in %s", async (place) => {
    expect(await linesFound(`${place}/planted.ts`, lines)).toEqual(numbered(1, IMPURE.length));
  });

  it.each(ADAPTERS)("are allowed in %s", async (place) => {
    expect(await linesFound(`${place}/planted.ts`, lines)).toEqual([]);
  });
});
