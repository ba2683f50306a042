// Standard input and standard output as ends of a transfer, with the programs that stand beside it in a pipeline.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CLI_ENTRY,
  killServer,
  type ServerProcess,
  startProgram,
  startServer,
} from "@holdfast/testkit/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const SIZE = 9_000_001;

let place: string;
let server: ServerProcess;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-pipes-"));
  await writeFile(join(place, "file"), randomBytes(SIZE));
  server = await startServer({ data: join(place, "data"), port: 0 });
});

afterAll(async () => {
  await killServer(server);
  await rm(place, { recursive: true });
});

/** Runs a line of shell in which `holdfast` is the command and TO the server. */
function startShell(line: string) {
  const words = line
    .replaceAll("holdfast", `'${process.execPath}' '${CLI_ENTRY}'`)
    .replaceAll("TO", server.url);
  const env = { HOLDFAST_STATE_DIR: join(place, "state"), HOLDFAST_TOKEN: "" };
  return startProgram(["bash", "-o", "pipefail", "-c", words], { cwd: place, env });
}

async function shell(line: string) {
  const command = startShell(line);
  const { code } = await command.exit;
  return { code, command, lines: command.strayLines, stderr: command.stderr() };
}

async function statusOf(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

describe("a pipeline", () => {
  it("goes up and comes back with every byte", async () => {
    const up = await shell("cat file | holdfast upload - --to TO --name piped.bin");
    expect(up.code).toBe(0);
    expect(up.lines).toEqual([expect.stringMatching(/^http:.*\/v1\/files\/[a-z2-7]{26}$/)]);
    expect(up.stderr).toMatch(/^Uploaded 8\.58 MiB in /);
    const [url = ""] = up.lines;
    const down = await shell(`holdfast download ${url} -o - | cmp - file`);
    expect({ code: down.code, lines: down.lines }).toEqual({ code: 0, lines: [] });
    expect(down.stderr).toMatch(/^Downloaded 8\.58 MiB in /);
    const manifest = await statusOf(`${url}/manifest`);
    expect(manifest).toMatchObject({ name: "piped.bin", size: SIZE });
  });

  it("may be empty, stand beside files, and tell its events", async () => {
    const none = await shell("holdfast upload - --to TO --json < /dev/null");
    expect(none.code).toBe(0);
    const last = Object.fromEntries(none.command.events.at(-1)?.fields ?? []);
    expect(last).toMatchObject({ event: "complete", size: 0 });
    const created = Object.fromEntries(none.command.events[0]?.fields ?? []);
    expect(created).toMatchObject({ event: "created", size: null });
    const both = await shell("echo hello | holdfast upload - file --to TO");
    expect(both.code).toBe(0);
    expect(both.lines.map((line) => line.split("\t")[1]).sort()).toEqual(["file", "stdin"]);
  });

  it("ends quietly where nobody reads any more", async () => {
    const up = await shell("holdfast upload file --to TO");
    const { code, stderr } = await shell(
      `holdfast download ${up.lines[0]} -o - | head -c 7 | wc -c; exit "\${PIPESTATUS[0]}"`,
    );
    expect(code).toBe(141);
    expect(stderr).not.toMatch(/holdfast:|EPIPE/);
  });

  it("goes on through a server that is killed in the middle", async () => {
    const data = join(place, "killed");
    const first = await startServer({ data, port: 0 });
    const words = `holdfast upload - --to ${first.url} --limit-rate 6M --json < file`;
    const command = startShell(words);
    await command.event("progress");
    await killServer(first);
    const second = await startServer({ data, port: first.port });
    expect((await command.exit).code).toBe(0);
    const url = command.events.at(-1)?.fields.get("url");
    const bytes = Buffer.from(await (await fetch(String(url))).arrayBuffer());
    expect(bytes.equals(await readFile(join(place, "file")))).toBe(true);
    await killServer(second);
  });

  it("that is stopped is taken back, and the command says why", async () => {
    const words = `exec holdfast upload - --to ${server.url} --limit-rate 1M --json < file`;
    const command = startShell(words);
    const created = await command.event("created");
    command.kill("SIGINT");
    expect((await command.exit).code).toBe(130);
    const last = Object.fromEntries(command.events.at(-1)?.fields ?? []);
    expect(last).toMatchObject({ event: "error", code: "interrupted" });
    expect(last["hint"]).toMatch(/cannot be read again/);
    expect(await statusOf(String(created.fields.get("url")))).toMatchObject({ state: "aborted" });
  });

  it("that is stopped twice ends at once, though its server answers nothing", async () => {
    const mute = await startServer({ data: join(place, "mute"), port: 0 });
    const words = `exec holdfast upload - --to ${mute.url} --limit-rate 1M --json < file`;
    const command = startShell(words);
    await command.event("created");
    process.kill(mute.serverPid, "SIGSTOP");
    command.kill("SIGINT");
    // One Ctrl-C may come several times in one go; this is another one.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const askedAt = performance.now();
    command.kill("SIGINT");
    expect((await command.exit).code).toBe(130);
    expect(performance.now() - askedAt).toBeLessThan(2_500);
    process.kill(mute.serverPid, "SIGCONT");
    await killServer(mute);
  });

  it.each([
    [
      "a list of two to standard output",
      "holdfast download http://a/b http://a/c -o -",
      /one file/,
    ],
    ["lines of JSON beside the file", "holdfast download http://a/b -o - --json", /cannot both go/],
    ["a name for two", "holdfast upload - file --name x --to TO", /for one file/],
  ])("is not %s", async (_name, words, message) => {
    const { code, stderr, command } = await shell(words);
    const said = stderr + command.events.map(({ fields }) => fields.get("message")).join();
    expect(code).toBe(2);
    expect(said).toMatch(message);
  });
});
