// The command as a program: what it prints where, and what it ends with.
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Command,
  freePort,
  killServer,
  type ServerProcess,
  showEvent,
  startCli,
  startServer,
  textOf,
} from "@holdfast/testkit/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const SIZE = 3_000_000;
const TOKEN = "a-token";

let place: string;
let server: ServerProcess;
let guarded: ServerProcess;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-cli-"));
  await writeFile(join(place, "file"), randomBytes(SIZE));
  await mkdir(join(place, "directory"));
  server = await startServer({ data: join(place, "data"), port: 0 });
  const env = { HOLDFAST_TOKEN: TOKEN };
  guarded = await startServer({ data: join(place, "guarded"), port: 0, env });
});

afterAll(async () => {
  await Promise.all([killServer(server), killServer(guarded)]);
  await rm(place, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly command: Command;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const command = start(args, env);
  const { code } = await command.exit;
  return { code, command, stdout: command.strayLines.join("\n"), stderr: command.stderr() };
}

function start(args: readonly string[], env: Record<string, string> = {}): Command {
  return startCli(args, {
    cwd: place,
    env: { HOLDFAST_STATE_DIR: join(place, "state"), HOLDFAST_TOKEN: "", ...env },
  });
}

describe("help", () => {
  it.each([["--help"], ["serve", "--help"], ["upload", "--help"], ["download", "--help"]])(
    "of %s %s fits on a screen and has an example",
    async (...words) => {
      const { code, stdout, stderr } = await run(words);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/Example:\n {2}holdfast /);
      const lines = stdout.split("\n");
      expect(lines.length).toBeLessThanOrEqual(24);
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
    },
  );

  it("is what one gets without a command, as wrong usage", async () => {
    const { code, stderr } = await run([]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Usage: holdfast/);
  });
});

describe("wrong usage", () => {
  it.each([
    ["an unknown command", ["uplaod", "x"], /unknown command 'uplaod' \(Did you mean upload\?\)/],
    [
      "an unknown option",
      ["serve", "--prot", "1"],
      /unknown option '--prot' \(Did you mean --port\?\)/,
    ],
    ["no address", ["upload", "file"], /required option '--to <url>'/],
    ["no file", ["upload", "--to", "http://127.0.0.1:1"], /missing required argument 'path'/],
    ["one file too many", ["upload", "a", "b", "--to", "http://127.0.0.1:1"], /too many arguments/],
    ["a bad rate", ["upload", "file", "--to", "x", "--limit-rate", "fast"], /"fast" is not a size/],
    ["a bad duration", ["upload", "file", "--to", "x", "--give-up", "soon"], /"soon" is not a dur/],
    ["a bad address", ["upload", "file", "--to", "ftp://a"], /not an http or https address/],
    ["a bad port", ["serve", "--port", "65536"], /"65536" is not a port/],
    [
      "a target that is a directory",
      ["download", "http://127.0.0.1:1", "-o", "directory"],
      /is a dir/,
    ],
    ["an open address", ["serve", "--host", "0.0.0.0"], /Set HOLDFAST_TOKEN and pass --insecure/],
  ])("%s ends with 2 and says what is wrong", async (_name, words, message) => {
    const { code, stdout, stderr } = await run(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it("is one JSON line with --json", async () => {
    const { code, command, stderr } = await run(["upload", "file", "--json"]);
    expect(code).toBe(2);
    expect(command.events.map(showEvent)).toEqual([
      expect.stringMatching(/^{"event":"error","code":"usage","message":".+","hint":".+"}$/),
    ]);
    expect([command.strayLines, stderr]).toEqual([[], ""]);
  });
});

describe("what cannot be done", () => {
  it.each([
    ["no such file", ["upload", "none", "--to", "URL"], 4, "source_unreadable"],
    ["a directory", ["upload", "directory", "--to", "URL"], 4, "source_unreadable"],
    ["no such directory", ["download", "URL/v1/files/x", "-o", "none/x"], 3, "directory_not_found"],
    ["no such file there", ["download", "URL/v1/files/x", "-o", "x"], 4, "file_not_found"],
    ["nobody there", ["upload", "file", "--to", "AWAY", "--give-up", "1s"], 5, "gave_up"],
    ["a token that is asked for", ["upload", "file", "--to", "GUARDED"], 77, "unauthorized"],
  ])("%s", async (_name, words, exit, code) => {
    const away = `http://127.0.0.1:${await freePort()}`;
    const said = await run(
      words.map((word) =>
        word.replace("URL", server.url).replace("GUARDED", guarded.url).replace("AWAY", away),
      ),
    );
    expect({ code: said.code, stdout: said.stdout }).toEqual({ code: exit, stdout: "" });
    expect(said.stderr).toContain(`(${code})`);
    expect(said.stderr.split("\n").length).toBeGreaterThanOrEqual(3);
  });

  it("does not start a second server on the same data", async () => {
    const { code, stderr } = await run(["serve", "--port", "0", "--data", join(place, "data")]);
    expect(code).toBe(7);
    expect(stderr).toContain(`${server.serverPid}`);
    expect(stderr).toContain("(data_dir_busy)");
  });
});

describe("a transfer", () => {
  it("prints nothing but the address on standard output, and download takes it", async () => {
    const up = await run(["upload", "file", "--to", guarded.url], { HOLDFAST_TOKEN: TOKEN });
    expect(up.code).toBe(0);
    expect(up.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\/files\/[a-z2-7]{26}$/);
    expect(up.stderr).toMatch(/Uploaded 2\.86 MiB in /);
    const down = await run(["download", up.stdout, "-o", "copy"], { HOLDFAST_TOKEN: TOKEN });
    expect({ code: down.code, stdout: down.stdout }).toEqual({ code: 0, stdout: "copy" });
    const [sent, received] = await Promise.all(
      ["file", "copy"].map((name) => readFile(join(place, name))),
    );
    expect(received).toEqual(sent);
  });

  it("with --json prints its events and nothing else", async () => {
    const { code, command } = await run(["upload", "file", "--to", server.url, "--json"]);
    expect({ code, stray: command.strayLines }).toEqual({ code: 0, stray: [] });
    const names = command.events.map(({ name }) => name);
    expect([names[0], names.at(-1)]).toEqual(["created", "complete"]);
    const last = Object.fromEntries(command.events.at(-1)?.fields ?? []);
    expect(Object.keys(last)).toEqual([
      "event",
      "id",
      "url",
      "size",
      "root",
      "bytesSent",
      "bytesCommitted",
      "seconds",
    ]);
    expect(last).toMatchObject({ size: SIZE, bytesSent: SIZE, bytesCommitted: SIZE });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("stops at %s, and the same command goes on", async (signal, exit) => {
    // A file of its own: what was uploaded before would be complete at once.
    await writeFile(join(place, signal), randomBytes(SIZE));
    const words = ["upload", signal, "--to", server.url, "--json"];
    const first = start([...words, "--limit-rate", "100K"]);
    const created = await first.event("created");
    first.kill(signal);
    expect((await first.exit).code).toBe(exit);
    expect(first.events.at(-1)?.fields.get("code")).toBe("interrupted");
    const second = await run(words);
    expect(second.code).toBe(0);
    const again = await second.command.event("created");
    expect(textOf(again, "id")).toBe(textOf(created, "id"));
    expect(again.fields.get("resumed")).toBe(true);
  });
});
