// The command as people and programs run it: what it prints, and how it ends.
import { fileURLToPath } from "node:url";
import { startProgram } from "@holdfast/testkit/process";
import { startRelay } from "@holdfast/testkit/relay";
import { expect, test } from "vitest";
import { TUS_ROWS } from "./tus/rows.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

async function run(...words: readonly string[]) {
  const command = startProgram([process.execPath, MAIN, ...words]);
  const { code } = await command.exit;
  return { code, lines: command.strayLines, said: command.stderr() };
}

test("who fails rows ends it with 1, and programs get every row", async () => {
  // Nothing is where it should be.
  const peer = await startRelay((_, answer) => answer.writeHead(404).end());
  try {
    const { code, lines } = await run("--url", peer.url, "--suite", "tus", "--json");
    expect(code).toBe(1);
    const report: { rows: { id: string; result: string }[] } = JSON.parse(lines.join("\n"));
    expect(report.rows.map(({ id }) => id)).toEqual(TUS_ROWS.map(({ id }) => id));
    expect(report.rows.find(({ id }) => id === "C2")).toMatchObject({ result: "failed" });
  } finally {
    await peer.close();
  }
});

test("a server that is not there passes nothing", async () => {
  const { code, lines } = await run("--url", "http://127.0.0.1:9/tus", "--suite", "tus");
  expect(code).toBe(1);
  expect(lines.at(-1)).toMatch(/^0 passed, /);
  // What no row can see is said in every report.
  expect(lines.filter((line) => line.startsWith("not seen"))).toHaveLength(5);
});

test.each([
  [[]],
  [["--suite", "tus"]],
  [["--url", "http://127.0.0.1:9/", "--suite", "ftp"]],
  [["--url", "x", "--suite", "tus"]],
  [["--url", "http://127.0.0.1:9/", "--suite", "tus", "--header", "no colon"]],
])("%j is not understood: 2, and how it is used", async (words) => {
  const { code, said } = await run(...words);
  expect(code).toBe(2);
  expect(said).toContain("Usage: npm run conformance");
});
