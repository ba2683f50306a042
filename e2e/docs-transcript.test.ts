// The transcripts in the docs are no stories: they run, line by line, against a real server.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import { CLI_ENTRY, startProgram, startServer, stopServer } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";

/** Blocks of shell in a page, from one heading to the next of the same kind where one is named. */
async function scriptOf(page: string, from?: string): Promise<string> {
  const text = await readFile(new URL(`../docs/${page}`, import.meta.url), "utf8");
  const start = from === undefined ? 0 : text.indexOf(from);
  const end = from === undefined ? -1 : text.indexOf("\n## ", start + 1);
  const part = text.slice(start, end < 0 ? undefined : end);
  const blocks = [...part.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  expect(start).toBeGreaterThanOrEqual(0);
  expect(blocks.length).toBeGreaterThan(0);
  return blocks.join("\n");
}

it.each([
  ["docs/protocol.md", "protocol.md", undefined],
  ["docs/rufh.md", "rufh.md", undefined],
  ["docs/tus.md", "tus.md", undefined],
  ["docs/mobile.md", "mobile.md", undefined],
  ["moving files in docs/cli.md", "cli.md", "## Moving files"],
])("%s works as written", { timeout: 60_000 }, (_name, page, from) =>
  withScratch(async (directory) => {
    const server = await startServer({ data: join(directory, "data"), port: await freePort() });
    // A reader has the server at its default address, and the command on the PATH.
    const written = await scriptOf(page, from);
    const command = `holdfast() { '${process.execPath}' '${CLI_ENTRY}' "$@"; }`;
    const script = written.replaceAll(/127\.0\.0\.1:8420/g, new URL(server.url).host);
    const shell = startProgram(["bash", "-euo", "pipefail", "-c", `${command}\n${script}`], {
      cwd: directory,
      env: { HOLDFAST_STATE_DIR: join(directory, "state"), HOLDFAST_TOKEN: "" },
    });
    const { code } = await shell.exit;
    expect([code, code === 0 ? "" : `${shell.strayLines.join("\n")}\n${shell.stderr()}`]).toEqual([
      0,
      "",
    ]);
    await stopServer(server);
  }),
);
