// The pages that are made of the command line are those of this command line, and every command's help fits a screen.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { pathOf } from "./completion/model.ts";
import { EXIT, EXIT_MEANINGS } from "./exit-codes.ts";
import { manualPage } from "./manual.ts";
import { createProgram } from "./program.ts";
import { allCommands } from "./program-tree.ts";
import { configurationPage } from "./settings/page.ts";

const DOCS = new URL("../../../docs/", import.meta.url);
/** A screen; what has more options than fit on one may take this much. */
const LINES_MAX = 40;

function helpOf(path: string): readonly string[] {
  const command = allCommands(createProgram()).find((one) => pathOf(one) === path);
  const written: string[] = [];
  command?.configureOutput({
    writeOut: (text) => void written.push(text),
    getOutHelpWidth: () => 80,
  });
  command?.outputHelp();
  return written.join("").trimEnd().split("\n");
}

const PATHS = allCommands(createProgram()).map(pathOf);

describe("docs", () => {
  it.each([
    ["holdfast.1", () => manualPage(createProgram())],
    ["configuration.md", configurationPage],
  ])("%s is current (npm run reference writes it)", async (name, write) => {
    expect(await readFile(new URL(name, DOCS), "utf8")).toBe(write());
  });

  it.each([["cli.md", /^\| (\d+) \| (.+) \|$/gm]])(
    "%s has the exit codes of the table",
    async (name, row) => {
      const page = await readFile(new URL(name, DOCS), "utf8");
      const rows = [...page.matchAll(row)].map(([, code, meaning]) => [Number(code), meaning]);
      expect(rows).toEqual(EXIT_MEANINGS);
      const known: readonly number[] = Object.values(EXIT);
      expect(EXIT_MEANINGS.map(([code]) => code).filter((code) => code !== 10)).toEqual(
        known.toSorted((a, b) => a - b),
      );
    },
  );

  it("cli.md tells of every command", async () => {
    const page = await readFile(new URL("cli.md", DOCS), "utf8");
    const missing = PATHS.filter((path) => path !== "" && !page.includes(`holdfast ${path}`));
    expect(missing).toEqual([]);
  });
});

describe("the help", () => {
  it.each(PATHS)("of holdfast %s fits a screen and has an example", (path) => {
    const lines = helpOf(path);
    expect(lines.length).toBeLessThanOrEqual(LINES_MAX);
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    expect(lines.join("\n")).toMatch(/^Examples?:\n {2}\S/m);
  });
});
