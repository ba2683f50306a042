// Every code that the client for browsers makes by itself is told of in docs/browser.md.
import { readFileSync } from "node:fs";
import { errorRow, isErrorCode } from "@holdfast/protocol";
import { expect, it } from "vitest";

const IMPORT = /(?:from|import\(|new URL\()\s*"(\.{1,2}\/[^"]+\.ts)"/g;
const CODE = /(?:HoldfastError\(\s*|\bcode: |beginAnew\([^,]+, )"([a-z_]+)"/g;

/** The sources that a page or its workers may load, by what they import. */
function sourcesFrom(...roots: readonly URL[]): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const left = [...roots];
  for (let url = left.pop(); url; url = left.pop()) {
    if (sources.has(url.href)) continue;
    const text = readFileSync(url, "utf8");
    sources.set(url.href, text);
    for (const [, path = ""] of text.matchAll(IMPORT)) left.push(new URL(path, url));
  }
  return sources;
}

function rowsOf(page: string): ReadonlySet<string> {
  const heads = [...page.matchAll(/^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|/gm)];
  return new Set(heads.flatMap(([, head = ""]) => head.replaceAll("`", "").split(", ")));
}

const docs = readFileSync(new URL("../../../../docs/browser.md", import.meta.url), "utf8");

it("the documentation has a row for every code that the client makes in a browser", () => {
  const sources = sourcesFrom(
    new URL("index.ts", import.meta.url),
    new URL("worker.ts", import.meta.url),
  );
  expect(sources.size).toBeGreaterThan(80);
  const codes = new Set<string>();
  for (const text of sources.values())
    for (const [, code = ""] of text.matchAll(CODE)) if (isErrorCode(code)) codes.add(code);
  expect(codes.size).toBeGreaterThan(20);
  const rows = rowsOf(docs);
  const untold = [...codes].filter((code) => !rows.has(code)).toSorted();
  expect(untold).toEqual([]);
});

it("what helps is never told to a page as to a command line alone", () => {
  const codes = [...rowsOf(docs)].filter(isErrorCode);
  expect(codes.length).toBeGreaterThan(20);
  const typed = codes.filter((code) => {
    const { hint } = errorRow(code);
    const isTyped = /command|HOLDFAST_|--[a-z]|director/.test(hint);
    return isTyped && !/browser|site|page|choosing|documentation/.test(hint);
  });
  expect(typed).toEqual([]);
});
