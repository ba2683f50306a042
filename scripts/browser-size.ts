// What a page loads of the client for browsers, in bytes: the entry has a limit; what comes on demand is listed beside it, and in docs/browser.md. `--write` puts it there.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundle, sizeOf } from "./bundle.ts";
import { ROOT } from "./steps.ts";

/** Bytes, gzipped, that a page loads before anything happens. */
const ENTRY_MAX = 15_000;
/** The docs may be as much behind as this, as a share: each change of the client would change them otherwise. */
const SLACK = 0.1;
const DOCS = join(ROOT, "docs/browser.md");
const TABLE = /(<!-- sizes: by `npm run size -- --write` -->\n)(?:.*\n)*?(<!-- end of sizes -->\n)/;

interface Row {
  readonly script: string;
  /** Bytes, gzipped. */
  readonly size: number;
  readonly when: string;
}

/** When the worker loads parts of itself. */
const PARTS: ReadonlyMap<string, string> = new Map([
  ["download", "with the first download, by the worker"],
  ["wasm", "where WebCrypto cannot do it, by those who digest"],
]);

async function measure(): Promise<readonly Row[]> {
  const script = (name: string) => bundle(`import "../packages/client/src/browser/${name}.ts";`);
  const page = await bundle(`export * from "@holdfast/client/browser";`);
  const background = page.onDemand.filter(({ name }) => name === "background");
  if (background.length === 0) throw new Error("there is no part of the page's named background");
  const worker = await script("worker");
  const hashWorker = await script("hash-worker");
  const serviceWorker = await script("service-worker");
  const rows = [
    { script: "the page's own", chunks: page.entry, when: "at once" },
    {
      script: "its part `background`",
      chunks: background,
      when: "with the first upload, where the site has a service worker",
    },
    { script: "`worker.js`", chunks: worker.entry, when: "with the first transfer" },
    ...worker.onDemand.map((chunk) => {
      const when = PARTS.get(chunk.name);
      if (when === undefined) throw new Error(`say in PARTS when ${chunk.name} is loaded`);
      return { script: `its part \`${chunk.name}\``, chunks: [chunk], when };
    }),
    {
      script: "`hash-worker.js`",
      chunks: hashWorker.entry,
      when: "where WebCrypto cannot do it, up to four of them",
    },
    {
      script: "`service-worker.js`",
      chunks: serviceWorker.entry,
      when: "by the site's service worker, if it imports that",
    },
  ];
  return rows.map(({ script, chunks, when }) => ({ script, size: sizeOf(chunks), when }));
}

const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ script, size, when }) => `| ${script} | ${kB(size)} | ${when} |\n`);
  return ["| script | gzipped | loaded |\n", "| --- | --- | --- |\n", ...lines].join("");
}

/** What is listed of others than these, or with figures that are far from these. */
function faultsOf(text: string, rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ script, size }) => {
    const line = text.split("\n").find((one) => one.startsWith(`| ${script} |`)) ?? "";
    const listed = 1000 * Number(/\| ([0-9.]+) kB \|/.exec(line)?.[1]);
    return Math.abs(listed - size) <= SLACK * size
      ? []
      : [`docs/browser.md does not list ${script} with ${kB(size)}: npm run size -- --write`];
  });
}

const rows = await measure();
for (const { script, size, when } of rows)
  console.log(`${kB(size).padStart(9)}  ${script.replaceAll("`", "")}: ${when}`);
const text = await readFile(DOCS, "utf8");
const listed = TABLE.exec(text)?.[0] ?? "";
const isWriting = process.argv.includes("--write");
if (isWriting)
  await writeFile(
    DOCS,
    text.replace(TABLE, (_, start: string, end: string) => start + tableOf(rows) + end),
  );
const [{ size: entry } = { size: 0 }] = rows;
const faults = [
  ...(entry > ENTRY_MAX
    ? [`a page loads ${kB(entry)} at once, which is more than ${kB(ENTRY_MAX)}`]
    : []),
  ...(isWriting ? [] : faultsOf(listed, rows)),
];
for (const fault of faults) console.error(`FAILED ${fault}`);
if (faults.length > 0) process.exitCode = 1;
