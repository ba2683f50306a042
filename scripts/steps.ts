// The steps that checking is made of: each one runs a tool, says in one line how it went, and counts.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

export interface Count {
  readonly passed: number;
  readonly failed: number;
}

interface Ended {
  /** Exit code; 1 where a signal ended it. */
  readonly code: number;
  readonly output: string;
}

/** Runs a script of ours or of an installed package with this Node. `isShown`: its output goes straight to the terminal. */
export function runNode(args: readonly string[], options: { isShown: boolean }): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ["ignore", options.isShown ? "inherit" : "pipe", options.isShown ? "inherit" : "pipe"],
    });
    const pieces: Buffer[] = [];
    child.stdout?.on("data", (piece: Buffer) => pieces.push(piece));
    child.stderr?.on("data", (piece: Buffer) => pieces.push(piece));
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code: code ?? 1, output: String(Buffer.concat(pieces)) }),
    );
  });
}

/** One check: a tool that passes or fails as a whole, silent unless it fails. */
export async function check(name: string, ...args: readonly string[]): Promise<Count> {
  const started = performance.now();
  const { code, output } = await runNode(args, { isShown: false });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (code !== 0) console.log(output.trimEnd());
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** The checks that need no run of the code. */
export async function checkStatically(): Promise<readonly Count[]> {
  return [
    await check(
      "format and lint",
      "node_modules/@biomejs/biome/bin/biome",
      "check",
      "--error-on-warnings",
    ),
    await check("types", "node_modules/typescript/bin/tsc", "-p", "."),
    await check("unused code and dependencies", "node_modules/knip/bin/knip.js"),
    await check("size of what browsers load", "scripts/browser-size.ts"),
    await check("packages built and in order", "scripts/build.ts"),
    await check("packages packed and put to work", "scripts/published.ts"),
  ];
}

/** Runs tests; every test counts, and so does a run that fails for another reason (a threshold, an error outside of tests). */
export async function runTests(...args: readonly string[]): Promise<Count> {
  const dir = await mkdtemp(join(tmpdir(), "holdfast-test-"));
  const report = join(dir, "report.json");
  try {
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "--reporter=default"];
    const json = ["--reporter=json", `--outputFile.json=${report}`];
    const { code } = await runNode([...vitest, ...json, ...args], { isShown: true });
    const { passed, failed } = readReport(await readFile(report, "utf8").catch(() => "{}"));
    if (code !== 0 && failed === 0) {
      console.log("FAILED the test run, though no single test did: what is above says why");
      return { passed, failed: 1 };
    }
    return { passed, failed };
  } finally {
    await rm(dir, { recursive: true });
  }
}

function readReport(text: string): Count {
  const report = new Map<string, unknown>(Object.entries(JSON.parse(text)));
  const count = (field: string): number => Number(report.get(field) ?? 0);
  // A test that neither passed nor failed did not run, and a test that does not run proves nothing.
  const notRun = count("numPendingTests") + count("numTodoTests");
  return { passed: count("numPassedTests"), failed: count("numFailedTests") + notRun };
}

/** Prints the closing line and sets the exit code. */
export function conclude(counts: readonly Count[]): void {
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
