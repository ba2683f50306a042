// The command as a program: what it prints where, and what it ends with.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { upload } from "@holdfast/client/node";
import { freePort } from "@holdfast/testkit/free-port";
import {
  CLI_ENTRY,
  type Command,
  killServer,
  type ServerProcess,
  showEvent,
  startCli,
  startProgram,
  startServer,
  textOf,
} from "@holdfast/testkit/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const SIZE = 3_000_000;
const TOKEN = "a-token-of-the-tests";

let place: string;
let server: ServerProcess;
let guarded: ServerProcess;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-cli-"));
  await writeFile(join(place, "file"), randomBytes(SIZE));
  await writeFile(join(place, "a\nb"), "a name that no server takes");
  await mkdir(join(place, "directory"));
  await promisify(execFile)("mkfifo", [join(place, "pipe")]);
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
  it.each([
    ["--help"],
    ["serve", "--help"],
    ["upload", "--help"],
    ["download", "--help"],
    ["config", "--help"],
  ])("of %s %s fits on a screen and has an example", async (...words) => {
    const { code, stdout, stderr } = await run(words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/Examples?:\n {2}holdfast /);
    const lines = stdout.split("\n");
    expect(lines.length).toBeLessThanOrEqual(40);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
  });

  it("COMMAND is the same as COMMAND --help", async () => {
    const [asked, told] = await Promise.all([run(["help", "verify"]), run(["verify", "--help"])]);
    expect(asked.code).toBe(0);
    expect(asked.stdout).toBe(told.stdout);
    expect(asked.stdout).toMatch(/^Usage: holdfast verify /);
  });

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
      "an unknown command, asked for help",
      ["uplaod", "--help"],
      /'uplaod' \(Did you mean upload\?\)/,
    ],
    [
      "an unknown option",
      ["serve", "--prot", "1"],
      /unknown option '--prot' \(Did you mean --port\?\)/,
    ],
    ["an unknown command below one", ["config", "shwo"], /'shwo' \(Did you mean show\?\)/],
    ["an unknown option of one", ["ls", "--lomg"], /'--lomg' \(Did you mean --long\?\)/],
    ["an unknown profile", ["ls", "--profile", "x"], /there is no profile "x" \(--profile\)/],
    [
      "no address",
      ["upload", "file"],
      /--to is missing: address of the server\n {2}Give --to, set HOLDFAST_TO or/,
    ],
    ["no file", ["upload", "--to", "http://127.0.0.1:1"], /missing required argument 'paths'/],
    ["no address to fetch", ["download"], /missing required argument 'urls'/],
    [
      "one name for two files",
      ["upload", "file", "a\nb", "--name", "x", "--to", "http://127.0.0.1:1"],
      /for one file/,
    ],
    [
      "a bad pattern",
      ["upload", ".", "--exclude", "{a", "--to", "http://a"],
      /"{a" is not a pattern/,
    ],
    ["bad metadata", ["upload", ".", "--metadata", "=a"], /"=a" is not metadata/],
    [
      "a bad part size",
      ["upload", ".", "--part-size", "300K", "--to", "http://a"],
      /a part size is a multiple of 256K/,
    ],
    [
      "an unknown way",
      ["upload", ".", "--transfer", "pigeon"],
      /Allowed choices are auto, server, direct/,
    ],
    [
      "signed requests for other digests",
      ["upload", ".", "--transfer", "direct", "--digest", "blake3", "--to", "http://a"],
      /signed requests are for sha-256/,
    ],
    ["a bad count", ["upload", ".", "--files", "0", "--to", "http://a"], /0 is not from 1 to 64/],
    ["quiet and verbose", ["upload", ".", "-q", "-v"], /cannot be used with/],
    [
      "a bad rate",
      ["upload", "file", "--to", "http://a", "--limit-rate", "fast"],
      /"fast" is not a size/,
    ],
    [
      "a bad duration",
      ["upload", "file", "--to", "http://a", "--give-up", "soon"],
      /"soon" is not a dur/,
    ],
    ["a bad address", ["upload", "file", "--to", "ftp://a"], /not an http or https address/],
    ["a bad port", ["serve", "--port", "65536"], /--port: 65536 is not from 0 to 65535/],
    [
      "a query in the address",
      ["upload", "file", "--to", "http://127.0.0.1:1/?a"],
      /a query or a fr/,
    ],
    [
      "too many connections",
      ["download", "http://127.0.0.1:1/x", "--max-connections", "99"],
      /99 is not from 1 to 64/,
    ],
    ["an empty target", ["download", "http://127.0.0.1:1", "-o", ""], /names nothing/],
    ["an open address", ["serve", "--host", "0.0.0.0"], /Set HOLDFAST_TOKEN and pass --tls-cert/],
  ])("%s ends with 2 and says what is wrong", async (_name, words, message) => {
    const { code, stdout, stderr } = await run(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it.each([
    ["upload", "file", "--to", "http://me:hunter2@127.0.0.1:1"],
    ["upload", "file", "--to", "me:hunter2@127.0.0.1"],
    ["upload", "file", "--to", "http://me:hunter2/@127.0.0.1"],
    ["download", "http://me:hunter2@127.0.0.1:1/v1/files/x", "-o", "x"],
  ])("%s %s %s %s is refused without the password being printed", async (...words) => {
    const { code, stdout, stderr } = await run(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("holdfast: ");
    expect(stderr).not.toContain("hunter2");
  });

  it.each([
    ["serve", "--port", "0"],
    ["upload", "file", "--to", "http://127.0.0.1:1"],
  ])("%s %s %s takes no token with a character that no header carries", async (...words) => {
    const { code, stderr } = await run(words, { HOLDFAST_TOKEN: "hunter2\nhunter3" });
    expect(code).toBe(2);
    expect(stderr).toContain("HOLDFAST_TOKEN holds no token");
    expect(stderr).not.toContain("hunter");
  });

  it("goes to one server, whatever a list says", async () => {
    const file = "v1/files/aaaqeayeaudaocajbifqydiob4";
    const list = ["http://127.0.0.1:1", "http://127.0.0.1:2"].map((at) => `${at}/${file}\n`);
    await writeFile(join(place, "two.list"), list.join(""));
    const words = ["download", "--from-list", "two.list", "-o", "two", "--give-up", "1s"];
    const { code, stderr } = await run(words, { HOLDFAST_TOKEN: "hunter2" });
    expect(code).toBe(2);
    expect(stderr).toContain(
      "is for one server, and these files are at http://127.0.0.1:1, http://127.0.0.1:2",
    );
    expect(stderr).not.toContain("hunter2");
    await expect(access(join(place, "two"))).rejects.toThrow();
    const links = list.map((line) => line.replace("\n", "?sig=1\n"));
    await writeFile(join(place, "two.list"), links.join(""));
    expect((await run(words, { HOLDFAST_TOKEN: "hunter2" })).stderr).not.toContain("one server");
  });

  it("is what the client itself says of such a token", async () => {
    const options = { to: server.url, token: "hunter2\nhunter3", stateDir: join(place, "state") };
    const refused = await upload(join(place, "file"), options).done.catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "usage" });
    expect(String(refused)).not.toContain("hunter");
  });

  it("is one JSON line with --json", async () => {
    const { code, command, stderr } = await run(["upload", "file", "--json"]);
    expect(code).toBe(2);
    expect(command.events.map(showEvent)).toEqual([
      expect.stringMatching(/^{"event":"error","v":1,"code":"usage","message":".+","hint":".+"}$/),
    ]);
    expect([command.strayLines, stderr]).toEqual([[], ""]);
  });
});

describe("what cannot be done", () => {
  it.each([
    ["no such file", ["upload", "none", "--to", "URL"], 4, "source_unreadable"],
    ["an empty directory", ["upload", "directory", "--to", "URL"], 9, "nothing_to_do"],
    ["a pattern for nothing", ["upload", "*.none", "--to", "URL"], 4, "source_unreadable"],
    ["a pipe", ["upload", "pipe", "--to", "URL"], 4, "source_unreadable"],
    ["a device", ["upload", "/dev/zero", "--to", "URL"], 4, "source_unreadable"],
    ["no such directory", ["download", "URL/v1/files/x", "-o", "none/x"], 3, "directory_not_found"],
    [
      "a file as directory",
      ["download", "URL/v1/files/x", "-o", "file/x"],
      3,
      "directory_not_found",
    ],
    [
      "no such directory to be",
      ["download", "URL/v1/files/x", "-o", "new/"],
      3,
      "directory_not_found",
    ],
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

  it("says of a name that no server takes that the file wants another", async () => {
    const { code, stderr } = await run(["upload", "a\nb", "--to", server.url]);
    expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 6, lines: 4 });
    expect(stderr).toContain("Rename the file");
  });

  it("says of an address that redirects what is wrong with it", async () => {
    const elsewhere = createServer((_request, response) => {
      response.writeHead(301, { location: server.url }).end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    const address = elsewhere.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const to = `http://127.0.0.1:${port}`;
    const { code, stderr } = await run(["upload", "file", "--to", to, "--give-up", "1s"]);
    elsewhere.close();
    expect(code).toBe(2);
    expect(stderr).toContain(`the server points to ${server.url}`);
    expect(stderr).toContain("(wrong_address)");
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
      "v",
      "id",
      "url",
      "size",
      "root",
      "bytesSent",
      "bytesCommitted",
      "seconds",
      "skipped",
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

describe("surroundings that lack something", () => {
  /** Makes Node find no home, as for a user that the system's table does not know. */
  const NO_HOME = `data:text/javascript,${encodeURIComponent(
    `import os from "node:os"; import { syncBuiltinESMExports } from "node:module";
    os.homedir = () => { throw new Error("ENOENT: uv_os_homedir"); }; syncBuiltinESMExports();`,
  )}`;

  async function runHomeless(name: string, env: Record<string, string>): Promise<Ended> {
    await writeFile(join(place, name), randomBytes(SIZE));
    const words = ["--import", NO_HOME, CLI_ENTRY, "upload", name, "--to", server.url];
    const command = startProgram([process.execPath, ...words], {
      cwd: place,
      env: { HOLDFAST_TOKEN: "", HOME: "", XDG_STATE_HOME: "here", LOCALAPPDATA: "here", ...env },
    });
    const { code } = await command.exit;
    return { code, command, stdout: command.strayLines.join("\n"), stderr: command.stderr() };
  }

  it("are no home: it uploads, says that there is no checkpoint, and leaves nothing behind", async () => {
    const before = await readdir(place);
    const { code, stderr } = await runHomeless("homeless", { HOLDFAST_STATE_DIR: "" });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^note: .*no-state-directory.* \(checkpoint_failed\)\n.*HOLDFAST_STATE_DIR/,
    );
    expect((await readdir(place)).sort()).toEqual([...before, "homeless"].sort());
  });

  it("are no home, but HOLDFAST_STATE_DIR: nothing is missing", async () => {
    const state = join(place, "named-state");
    const { code, stderr } = await runHomeless("placed", { HOLDFAST_STATE_DIR: state });
    expect(code).toBe(0);
    expect(stderr).not.toContain("checkpoint_failed");
    await access(join(state, "checkpoints.sqlite"));
  });

  it.each([
    ["its result", []],
    ["its progress", ["--json"]],
  ])("are a full disk for standard output: %s is lost, the upload is not", async (name, flags) => {
    const path = join(place, `${name}.bin`);
    await writeFile(path, randomBytes(SIZE));
    const shell = ["sh", "-c", 'exec "$@" >/dev/full', "sh"];
    const lossy = startCli(["upload", path, "--to", server.url, ...flags], {
      cwd: place,
      env: { HOLDFAST_STATE_DIR: join(place, "state"), HOLDFAST_TOKEN: "" },
      wrapper: shell,
    });
    expect((await lossy.exit).code).toBe(7);
    const told = lossy
      .stderr()
      .split("\n")
      .filter((line) => line.startsWith("holdfast: "));
    expect(told).toEqual([expect.stringMatching(/standard output cannot be written: ENOSPC/)]);
    expect(lossy.stderr()).not.toMatch(/\n {4}at /);
    // It is there already: the lines were lost, the bytes were not.
    const again = await run(["upload", path, "--to", server.url, "--json"]);
    expect(again.code).toBe(0);
    const complete = await again.command.event("complete");
    expect(complete.fields.get("bytesSent")).toBe(0);
  });

  it("are no terminal: SIGHUP does not end an upload", async () => {
    await writeFile(join(place, "nohup"), randomBytes(SIZE));
    const words = ["upload", "nohup", "--to", server.url, "--json", "--limit-rate", "1M"];
    const command = start(words);
    await command.event("created");
    command.kill("SIGHUP");
    expect((await command.exit).code).toBe(0);
    await command.event("complete");
  });
});
