// The pages that are made of the command line are those of this command line, and every command's help fits a screen.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { pathOf } from "./completion/model.ts";
import { EXIT, EXIT_MEANINGS } from "./exit-codes.ts";
import { type HelpDetail, helpDetailOf, helpWords } from "./help.ts";
import { manualPage } from "./manual.ts";
import { createProgram } from "./program.ts";
import { allCommands } from "./program-tree.ts";
import { configurationPage } from "./settings/page.ts";

const DOCS = new URL("../../../docs/", import.meta.url);
/** The smallest screen there is, whose last line is the next prompt. */
const LINES_MAX = 24 - 1;
const COLUMNS_MAX = 80;

function helpOf(path: string, detail: HelpDetail = "screen"): readonly string[] {
  const command = allCommands(createProgram(detail)).find((one) => pathOf(one) === path);
  const written: string[] = [];
  command?.configureOutput({
    writeOut: (text) => void written.push(text),
    getOutHelpWidth: () => COLUMNS_MAX,
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
    expect(lines.filter((line) => line.length > COLUMNS_MAX)).toEqual([]);
    expect(lines.join("\n")).toMatch(/^Examples?:\n {2}\S/m);
  });

  it.each(PATHS)("of holdfast %s tells everything where it is asked to", (path) => {
    const short = helpOf(path).join("\n");
    const whole = helpOf(path, "all").join("\n");
    const command = allCommands(createProgram()).find((one) => pathOf(one) === path);
    const names = [
      ...(command?.options ?? []).map(({ long }) => long ?? ""),
      ...(command?.commands ?? []).map((one) => one.name()),
      ...["--config", "--profile", "--color"],
    ];
    expect(names.filter((name) => !whole.includes(name))).toEqual([]);
    // What a screen has no room for is asked for in words that stand there.
    const isShortened = command?.options.some(({ long }) => !short.includes(long ?? ""));
    const ask = `holdfast help${path === "" ? "" : ` ${path}`} --all`;
    expect(short.includes(ask)).toBe(isShortened === true);
  });

  it.each([
    [["upload", "--help", "--all"], "all"],
    [["-h", "upload", "--all"], "all"],
    [["help", "upload", "--all"], "all"],
    [["help", "upload"], "screen"],
    [["ls", "--all"], "screen"],
  ] as const)("%j shows as much as is asked for", (words, detail) => {
    expect(helpDetailOf(words)).toBe(detail);
  });

  it("of a command below another is asked for in either form", () => {
    const program = createProgram();
    const wordsOf = (text: string) => helpWords(text.split(" "), program).join(" ");
    expect(wordsOf("help token create")).toBe("token create --help");
    expect(wordsOf("help token")).toBe("help token");
    expect(wordsOf("help --all")).toBe("help --all");
    expect(wordsOf("upload help more")).toBe("upload help more");
    // Which is told to be unknown, with the nearest one.
    expect(wordsOf("help uplod")).toBe("uplod");
    expect(wordsOf("help token crate")).toBe("token crate");
  });

  it.each([
    ["uplod --help", "uplod"],
    ["-h uplod", "uplod"],
    ["--color never uplod x --help", "uplod"],
    ["--profile upload token crate --help --json", "token crate"],
  ])("of what is no command is not asked for: %s", (text, asked) => {
    expect(helpWords(text.split(" "), createProgram()).join(" ")).toBe(asked);
  });

  it.each(["--help", "upload --help", "token create -h", "upload uplod --help", "uplod x"])(
    "is asked for as commander takes it: %s",
    (text) => {
      expect(helpWords(text.split(" "), createProgram()).join(" ")).toBe(text);
    },
  );
});
