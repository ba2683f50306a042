// The command as it stands in node_modules/.bin, called by a shell whose Node is too old, and killed.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { killQuietly, numberOf, startProgram, textOf } from "@holdfast/testkit/process";
import { describe, expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { ask } from "./kit/wire.ts";

const COMMAND = fileURLToPath(new URL("../node_modules/.bin/holdfast", import.meta.url));
const OURS = fileURLToPath(new URL("../node_modules", import.meta.url));

const { PATH: shellPath = "" } = process.env;

/** PATH as a person's shell has it: without what npm puts in front. */
function plainPath(): string {
  return shellPath
    .split(delimiter)
    .filter((place) => !place.startsWith(OURS))
    .join(delimiter);
}

/** The Node that a plain shell finds; none at all is fine for who came here by another way. */
async function plainNode(): Promise<string> {
  const places = plainPath().split(delimiter);
  const found = places.map((place) => join(place, "node")).find((path) => existsSync(path));
  if (!found) return "none";
  return (await promisify(execFile)(found, ["--version"])).stdout.trim();
}

describe("the launcher", () => {
  it(
    "serves from a plain shell, and takes the server along when it is killed",
    {
      timeout: 60_000,
    },
    () =>
      withScratch(async (directory) => {
        const version = await plainNode();
        // Where the plain Node is new enough this proves less: the report says which one it was.
        console.info(`launcher: the plain shell's node is ${version}`);
        const PATH = version === "none" ? shellPath : plainPath();
        const launcher = startProgram(
          [COMMAND, "serve", "--json", "--port", "0", "--data", join(directory, "data")],
          { env: { PATH } },
        );
        const listening = await launcher.event("listening");
        const url = textOf(listening, "url");
        const serverPid = numberOf(listening, "pid");
        expect((await ask(url, { method: "GET", path: "/livez" })).status).toBe(200);

        launcher.kill("SIGKILL");
        const deadline = performance.now() + 10_000;
        while (isRunning(serverPid) && performance.now() < deadline) await sleep(20);
        const survived = isRunning(serverPid);
        killQuietly(serverPid, "SIGKILL");
        expect(survived).toBe(false);
      }),
  );

  it("passes SIGTERM and the exit code on", { timeout: 60_000 }, () =>
    withScratch(async (directory) => {
      const env = { PATH: plainPath() };
      const words = [COMMAND, "serve", "--json", "--port", "0", "--data", join(directory, "data")];
      const launcher = startProgram(words, { env });
      await launcher.event("listening");
      launcher.kill("SIGTERM");
      expect(await launcher.exit).toEqual({ code: 0, signal: null });
      const wrong = startProgram([COMMAND, "no-such-command"], { env });
      expect((await wrong.exit).code).toBe(2);
    }),
  );
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
