// Many files in one command: folders there and back, what fails beside what goes on, and the same command again.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  CLI_ENTRY,
  type Command,
  killServer,
  numberOf,
  type ServerProcess,
  startCli,
  startServer,
  textOf,
} from "@holdfast/testkit/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let place: string;
let server: ServerProcess;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-folders-"));
  server = await startServer({ data: join(place, "data"), port: 0 });
});

afterAll(async () => {
  await killServer(server);
  await rm(place, { recursive: true });
});

const FOLDER: Readonly<Record<string, number>> = {
  "a.bin": 3_000_000,
  "empty.txt": 0,
  "one/.hidden": 7,
  "one/a.bin": 70_000,
  "one/two/漢字 🎈.bin": 1_200_000,
};

async function makeFolder(name: string, files: Readonly<Record<string, number>> = FOLDER) {
  for (const [path, size] of Object.entries(files)) {
    const full = join(place, name, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, randomBytes(size));
  }
}

function start(args: readonly string[], cwd = place): Command {
  const env = { HOLDFAST_STATE_DIR: join(place, "state"), HOLDFAST_TOKEN: "" };
  return startCli(args, { cwd, env });
}

async function run(args: readonly string[], cwd = place) {
  const command = start(args, cwd);
  const { code } = await command.exit;
  return { code, command, lines: command.strayLines, stderr: command.stderr() };
}

function lastOf(command: Command, name: string) {
  const event = command.events.filter((one) => one.name === name).at(-1);
  return Object.fromEntries(event?.fields ?? []);
}

describe("a folder", () => {
  it("comes back as it was, from the list that upload printed", async () => {
    await makeFolder("folder");
    const up = await run(["upload", "folder", "--to", server.url]);
    expect(up.stderr).toMatch(/^Uploaded 5 of 5 files, 4\.07 MiB in /m);
    expect(up.code).toBe(0);
    expect(up.lines.map((line) => line.split("\t")[1]).sort()).toEqual(
      Object.keys(FOLDER)
        .map((path) => `folder/${path}`)
        .sort(),
    );
    await writeFile(join(place, "list"), `${up.lines.join("\n")}\n`);
    const down = await run(["download", "--from-list", "list", "-o", "restored"]);
    expect({ code: down.code, said: down.stderr }).toEqual({
      code: 0,
      said: expect.stringMatching(/^Downloaded 5 of 5 files/m),
    });
    for (const path of Object.keys(FOLDER)) {
      const [sent, received] = await Promise.all(
        ["folder", "restored/folder"].map((root) => readFile(join(place, root, path))),
      );
      expect(received).toEqual(sent);
    }
  });

  it("keeps each file's path with the file, and both again are skipped", async () => {
    const again = await run(["upload", "folder", "--to", server.url, "--json"]);
    expect(again.code).toBe(0);
    expect(lastOf(again.command, "summary")).toMatchObject({
      files: 5,
      complete: 0,
      skipped: 5,
      bytesSent: 0,
      failed: 0,
    });
    const [one] = again.command.events.filter(
      ({ name, fields }) => name === "complete" && fields.get("path") === "folder/one/a.bin",
    );
    const url = one ? textOf(one, "url") : "";
    const manifest = await (await fetch(`${url}/manifest`)).json();
    expect(manifest).toMatchObject({ name: "a.bin", metadata: { path: "folder/one/a.bin" } });
    const down = await run(["download", "--from-list", "list", "-o", "restored", "--json"]);
    expect(lastOf(down.command, "summary")).toMatchObject({
      complete: 0,
      skipped: 5,
      bytesSent: 0,
    });
  });

  it("goes on after Ctrl-C with what is missing, within a file too", async () => {
    await makeFolder("stopped", { "a.bin": 4_000_000, "b.bin": 300_000 });
    const words = ["upload", "stopped", "--to", server.url, "--json"];
    const first = start([...words, "--limit-rate", "2M"]);
    await first.event("complete");
    first.kill("SIGINT");
    expect((await first.exit).code).toBe(130);
    const second = await run(words);
    expect(second.code).toBe(0);
    const summary = lastOf(second.command, "summary");
    expect(summary).toMatchObject({ files: 2, complete: 1, skipped: 1 });
    expect(summary["bytesSent"]).toBeLessThanOrEqual(4_000_000);
  });
});

describe("what cannot be sent or fetched", () => {
  it("is named, and the others go on", async () => {
    await makeFolder("mixed", { "good.bin": 10, "also.bin": 20 });
    await symlink("nowhere", join(place, "mixed/link"));
    await writeFile(join(place, "mixed", "bad\nname"), "x");
    const said = await run(["upload", "mixed", "none", "--to", server.url]);
    // One is not there (4), the other has a name that no server takes (6).
    expect(said.code).toBe(1);
    expect(said.lines).toHaveLength(2);
    expect(said.stderr).toMatch(/^Uploaded 2 of 4 files, 30 B in .*; 2 failed\.$/m);
    expect(said.stderr).toMatch(/^ {2}failed: none: there is no file none \(source_unreadable\)$/m);
    expect(said.stderr).toMatch(/^ {2}failed: mixed\/bad\ufffdname: .* \(invalid_request\)$/m);
    expect(said.stderr).toContain("Rename the file");
    expect(said.stderr).toContain("not sent: mixed/link is a symbolic link");
    expect(said.stderr).toContain("holdfast: 2 of 4 files were not uploaded");
  });

  it("has the exit code that all of them have", async () => {
    const said = await run(["upload", "none", "nor-this", "mixed/good.bin", "--to", server.url]);
    expect(said.code).toBe(4);
  });

  it("is quiet where it is asked to be, but for what failed", async () => {
    const said = await run(["upload", "none", "mixed/good.bin", "-q", "--to", server.url]);
    expect(said.code).toBe(4);
    expect(said.stderr.split("\n")[0]).toBe(
      "failed: none: there is no file none (source_unreadable)",
    );
    expect(said.stderr).not.toContain("Uploaded");
  });

  it("leads no file out of its directory", async () => {
    const { lines } = await run(["upload", "mixed/good.bin", "--to", server.url]);
    const evil = ["../out", "/etc/out", "a/../../out", "C:\\out"].map(
      (path) => `${lines[0]}\t${path}`,
    );
    await writeFile(join(place, "evil"), evil.join("\n"));
    const said = await run(["download", "--from-list", "evil", "-o", "inside"]);
    expect(said.code).toBe(7);
    expect(said.stderr).toMatch(/^Downloaded 0 of 4 files, .*; 4 failed\.$/m);
    await expect(readFile(join(place, "out"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("replaces nothing unless it is forced to", async () => {
    const { lines } = await run(["upload", "mixed/good.bin", "--to", server.url]);
    const [url = ""] = lines;
    await mkdir(join(place, "target"));
    await writeFile(join(place, "target/good.bin"), "another");
    const refused = await run(["download", url, "-o", "target"]);
    expect({ code: refused.code, said: refused.stderr }).toEqual({
      code: 6,
      said: expect.stringContaining("(sink_exists)"),
    });
    expect(await readFile(join(place, "target/good.bin"), "utf8")).toBe("another");
    expect((await run(["download", url, "-o", "target", "--force"])).code).toBe(0);
    expect(await readFile(join(place, "target/good.bin"))).toHaveLength(10);
    const twice = await run(["download", url, url, "-o", "two"]);
    expect(twice.code).toBe(6);
    expect(twice.stderr).toContain("another file of this command goes to two/good.bin");
  });

  it("is not even tried where the first one shows that none will do", async () => {
    await makeFolder(
      "many",
      Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`file-${at}`, 1])),
    );
    const guarded = await startServer({
      data: join(place, "guarded"),
      port: 0,
      env: { HOLDFAST_TOKEN: "secret-of-the-test" },
    });
    const said = await run(["upload", "many", "--to", guarded.url, "--json"]);
    await killServer(guarded);
    expect(said.code).toBe(77);
    const summary = lastOf(said.command, "summary");
    // As many as were under way side by side.
    expect(summary["failed"]).toBeLessThanOrEqual(16);
    expect(summary["untried"]).toBeGreaterThanOrEqual(34);
  });
});

describe("a dry run", () => {
  it("says what would be sent and sends nothing", async () => {
    const words = [
      "upload",
      "folder",
      "--exclude",
      "one",
      "--to",
      "http://127.0.0.1:1",
      "--dry-run",
    ];
    const said = await run(words);
    expect({ code: said.code, lines: said.lines }).toEqual({
      code: 0,
      lines: ["3000000\tfolder/a.bin", "0\tfolder/empty.txt"],
    });
    expect(said.stderr).toBe("Would send 2 files, 2.86 MiB.\n");
  });
});

describe("a terminal", () => {
  /** Runs the command on a terminal of its own, of the given size, and resolves with what it drew. */
  function onTerminal(args: readonly string[], size: string): Promise<string> {
    const words = [process.execPath, CLI_ENTRY, ...args].map((word) => `'${word}'`).join(" ");
    const child = spawn("script", ["-qec", `stty ${size}; ${words}`, "/dev/null"], {
      cwd: place,
      env: {
        ...process.env,
        HOLDFAST_STATE_DIR: join(place, "state"),
        LANG: "C.UTF-8",
        TERM: "xterm",
      },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let drawn = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      drawn += text;
    });
    return new Promise((resolve) => child.on("close", () => resolve(drawn)));
  }

  it("shows a bar for each file that takes its time, and one line for all", async () => {
    await makeFolder("bars", {
      "long name of a file that must be cut 漢字漢字漢字漢字.bin": 2_000_000,
      "b.bin": 2_000_000,
      "c.bin": 100,
    });
    const words = ["upload", "bars", "--to", server.url, "--limit-rate", "2M"];
    const drawn = await onTerminal(words, "cols 90 rows 10");
    const clear = new RegExp(
      `\\r${String.fromCharCode(27)}\\[(?:[0-9]+A${String.fromCharCode(27)}\\[)?J`,
    );
    const frames = drawn.split(clear);
    const full = frames.filter((frame) => frame.includes("b.bin  ") && frame.includes("字.bin"));
    expect(full.length).toBeGreaterThan(3);
    const lines = (full.at(-1) ?? "").split(/\r?\n/);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/ of 3\.81 MiB .* [12] of 3 files/);
    const percents = frames.flatMap((frame) =>
      [...frame.matchAll(/^ *([0-9]+)% .* of 3 files/gm)].map(([, percent]) => Number(percent)),
    );
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(Math.max(...percents)).toBeLessThanOrEqual(100);
    // At the end nothing of it is left but the addresses and the sum.
    const rest = (frames.at(-1) ?? "").trim();
    expect(rest).toMatch(/^Uploaded 3 of 3 files, 3\.81 MiB in /);
  });
});

describe("very many small files", () => {
  it("are there once each after a command that was killed among them runs again", async () => {
    const names = Array.from({ length: 300 }, (_, at) => `k${at}.txt`);
    await makeFolder("killed", Object.fromEntries(names.map((name, at) => [name, at % 7])));
    const first = start(["upload", "killed", "--to", server.url, "--json"]);
    await first.event("complete");
    first.kill("SIGKILL");
    await first.exit;
    const done = first.events.filter(({ name }) => name === "complete").length;
    expect(done).toBeLessThan(300);
    const again = await run(["upload", "killed", "--to", server.url, "--json"]);
    expect(again.code).toBe(0);
    const summary = lastOf(again.command, "summary");
    expect(Number(summary?.["complete"]) + Number(summary?.["skipped"])).toBe(300);
    const answer = await fetch(`${server.url}/v1/files?limit=1000`);
    const { files } = (await answer.json()) as { files: { name: string }[] };
    const there = files.map(({ name }) => name).filter((name) => name.startsWith("k"));
    expect(there.toSorted()).toEqual(names.toSorted());
  });

  it("of which three fail are sent all the same, in bounded memory", async () => {
    const count = 500;
    await makeFolder(
      "small",
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`${at % 10}/${at}.txt`, 100])),
    );
    for (const at of [1, 2, 3]) await writeFile(join(place, "small", `bad\n${at}`), "x");
    const said = await run(["upload", "small", "--to", server.url, "--json"]);
    expect(said.code).toBe(6);
    const summary = said.command.events.at(-1);
    expect(summary?.name).toBe("error");
    expect(lastOf(said.command, "summary")).toMatchObject({ files: 503, complete: 500, failed: 3 });
    const failed = said.command.events.filter(({ name }) => name === "failed");
    // Several at once: in the order in which they were given up.
    expect(failed.map((event) => textOf(event, "path")).toSorted()).toEqual([
      "small/bad\n1",
      "small/bad\n2",
      "small/bad\n3",
    ]);
    const totals = said.command.events.filter(({ name }) => name === "total");
    const committed = totals.map((event) => numberOf(event, "committed"));
    expect(committed).toEqual([...committed].sort((a, b) => a - b));
  });
});
