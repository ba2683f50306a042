// The transcript in docs/protocol.md is not a story: it runs, line by line, against a real server.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, startProgram, startServer, stopServer } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";

const PAGE = new URL("../docs/protocol.md", import.meta.url);

it("docs/protocol.md works as written", { timeout: 60_000 }, () =>
  withScratch(async (directory) => {
    const page = await readFile(PAGE, "utf8");
    const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text);
    expect(blocks.length).toBeGreaterThan(0);
    const server = await startServer({ data: join(directory, "data"), port: await freePort() });
    // A reader has the server at its default address.
    const script = blocks.join("\n").replaceAll(/127\.0\.0\.1:8420/g, new URL(server.url).host);
    const shell = startProgram(["bash", "-euo", "pipefail", "-c", script], { cwd: directory });
    const { code } = await shell.exit;
    expect([code, code === 0 ? "" : `${shell.strayLines.join("\n")}\n${shell.stderr()}`]).toEqual([
      0,
      "",
    ]);
    await stopServer(server);
  }),
);
