// What is unfinished on a machine, found and ended without the command that began it.
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  type Command,
  killServer,
  type ServerProcess,
  startCli,
  startServer,
  textOf,
} from "@holdfast/testkit/process";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Gate, isComplete, movesBytes, openGate } from "./kit/gate.ts";

const SIZE = 5_000_000;

let place: string;
let server: ServerProcess;
/** In front of the server. */
let gate: Gate;
let state = 0;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-resume-"));
  server = await startServer({ data: join(place, "data"), port: 0 });
  gate = await openGate(server.url);
});
beforeEach(() => {
  state++;
});
afterEach(() => gate.open());
afterAll(async () => {
  await gate.close();
  await killServer(server);
  await rm(place, { recursive: true });
});

function start(args: readonly string[], env: Record<string, string> = {}, cwd = place): Command {
  const own = { HOLDFAST_STATE_DIR: join(place, `state-${state}`), HOLDFAST_TOKEN: "" };
  return startCli(args, { cwd, env: { ...own, ...env } });
}

async function run(args: readonly string[], env: Record<string, string> = {}, cwd = place) {
  const command = start(args, env, cwd);
  const { code } = await command.exit;
  return { code, command, lines: command.strayLines, stderr: command.stderr() };
}

async function makeFile(name: string, size = SIZE): Promise<Buffer> {
  const bytes = randomBytes(size);
  await writeFile(join(place, name), bytes);
  return bytes;
}

/** Begins a command and stops it once its first bytes are through, and `isThere` what it leaves behind: no others get past the gate. */
async function stopped(
  args: readonly string[],
  signal: NodeJS.Signals = "SIGKILL",
  through = gate,
  isThere: () => Promise<boolean> = async () => true,
): Promise<void> {
  const moved = through.only(movesBytes);
  const command = start([...args, "--json"]);
  await command.event("created");
  await moved;
  while (!(await isThere())) await setTimeout(20);
  command.kill(signal);
  await command.exit;
  through.open();
}

async function listed() {
  const { command, code } = await run(["resume", "--list", "--json"]);
  expect(code).toBe(0);
  return command.events.map(({ fields }) => Object.fromEntries(fields));
}

/** The first bytes of a download come before anything is noted of it. */
async function isNoted(): Promise<boolean> {
  return (await listed()).some(({ kind }) => kind !== "upload");
}

describe("an upload that was killed", () => {
  it("is listed, ended with the name it was to have, and then listed no more", async () => {
    const bytes = await makeFile("one.bin");
    const path = join(place, "one.bin");
    await stopped(["upload", "one.bin", "--to", gate.url, "--name", "other", "--type", "a/b"]);
    const [one, ...others] = await listed();
    expect(others).toEqual([]);
    expect(one).toMatchObject({ kind: "upload", path, to: gate.url, name: "other", size: SIZE });
    const shown = await run(["resume", "--list"]);
    expect(shown.lines).toEqual([
      expect.stringMatching(/^[0-9a-f]{8} {2}upload +4\.77 MiB +\d+ s ago +/),
    ]);
    const elsewhere = await mkdtemp(join(tmpdir(), "holdfast-elsewhere-"));
    const said = await run(["resume"], {}, elsewhere);
    await rm(elsewhere, { recursive: true });
    expect(said.code).toBe(0);
    expect(said.stderr).toMatch(/Going on where it stopped\.\n.*were there already/s);
    const [url = ""] = said.lines[0]?.split("\t") ?? [];
    expect(await (await fetch(`${url}/manifest`)).json()).toMatchObject({
      name: "other",
      type: "a/b",
    });
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(bytes)).toBe(true);
    expect(await listed()).toEqual([]);
    expect((await run(["resume"])).stderr).toBe("Nothing is unfinished here.\n");
  });

  it("is forgotten by its id alone", async () => {
    await makeFile("forgotten.bin");
    await stopped(["upload", "forgotten.bin", "--to", gate.url]);
    const [one] = await listed();
    expect((await run(["resume", "--forget"])).code).toBe(2);
    expect((await run(["resume", "ffffffff"])).code).toBe(2);
    const said = await run(["resume", "--forget", String(one?.["id"])]);
    expect(said.stderr).toMatch(/^Forgotten: [0-9a-f]{8} {2}upload/);
    expect(await listed()).toEqual([]);
  });
});

describe("a download that was stopped", () => {
  it("is listed, and ended", async () => {
    const bytes = await makeFile("down.bin");
    const { lines } = await run(["upload", "down.bin", "--to", gate.url]);
    await stopped(["download", lines[0] ?? "", "-o", "down.copy"], "SIGINT", gate, isNoted);
    expect(await listed()).toMatchObject([{ kind: "download", url: lines[0], size: SIZE }]);
    expect((await run(["resume"])).code).toBe(0);
    expect((await readFile(join(place, "down.copy"))).equals(bytes)).toBe(true);
    expect(await listed()).toEqual([]);
  });

  it("leaves nothing behind when it is forgotten", async () => {
    await makeFile("gone.bin");
    const { lines } = await run(["upload", "gone.bin", "--to", gate.url]);
    await mkdir(join(place, "gone"));
    const left = () => readdir(join(place, "gone"));
    const args = ["download", lines[0] ?? "", "-o", "gone/copy"];
    await stopped(
      args,
      "SIGKILL",
      gate,
      async () => (await left()).length === 1 && (await isNoted()),
    );
    const [one] = await listed();
    expect((await run(["resume", "--forget", String(one?.["id"])])).code).toBe(0);
    expect(await left()).toEqual([]);
  });
});

describe("a command over a folder that was killed", () => {
  it("is one thing, typed again where it was typed: what had not begun is sent too", async () => {
    await mkdir(join(place, "folder"));
    for (const name of ["a", "b", "c"]) await makeFile(`folder/${name}`, 2_000_000);
    await stopped(["upload", "folder", "--to", gate.url, "--files", "1"]);
    const before = await listed();
    // The file that was under way stands beside it.
    expect(before.map(({ kind }) => kind).sort()).toEqual(["command", "upload"]);
    expect(before.find(({ kind }) => kind === "command")).toMatchObject({
      directory: place,
      servers: [gate.url],
    });
    const elsewhere = join(place, "data");
    const said = await run(["resume", "--json"], {}, elsewhere);
    expect(said.code).toBe(0);
    const summary = said.command.events.find(({ name }) => name === "summary");
    expect(summary?.fields.get("complete")).toBe(3);
    expect(summary?.fields.get("skipped")).toBe(0);
    const sent = said.command.events.filter(({ name }) => name === "complete");
    expect(sent.map((event) => textOf(event, "path")).sort()).toEqual([
      "folder/a",
      "folder/b",
      "folder/c",
    ]);
    expect(await listed()).toEqual([]);
  });

  it("is not listed where nothing more can come of it, and is where it can", async () => {
    await mkdir(join(place, "broken"));
    await makeFile("broken/good", 10);
    await makeFile("broken/bad\nname", 10);
    expect((await run(["upload", "broken", "--to", gate.url])).code).toBe(6);
    expect(await listed()).toEqual([]);
    const away = ["upload", "broken", "--to", "http://127.0.0.1:1", "--give-up", "0s"];
    expect((await run(away)).code).toBe(5);
    expect(await listed()).toMatchObject([{ kind: "command" }]);
  });
});

describe("going on with a command over a folder", () => {
  it("heeds what is typed now, goes to the server that it began on, and begins nothing anew", async () => {
    await mkdir(join(place, "paced"));
    for (const name of ["a", "b"]) await makeFile(`paced/${name}`, 3_000_000);
    const words = ["upload", "paced", "--no-resume", "--verbose", "--files", "1"];
    void gate.only(isComplete);
    const first = start([...words, "--json"], { HOLDFAST_TO: gate.url });
    await first.event("complete");
    first.kill("SIGKILL");
    await first.exit;
    gate.open();
    const began = await listed();
    expect(began.find(({ kind }) => kind === "command")?.["words"]).toContain(`--to=${gate.url}`);
    await writeFile(join(place, "token"), "is-not-asked-for\n");
    const typed = ["--limit-rate", "100M", "--token-file", "nowhere", "--quiet"];
    const refused = await run(["resume", ...typed], { HOLDFAST_TO: "http://127.0.0.1:1" });
    expect(refused.code).toBe(2);
    typed[3] = "token";
    const said = await run(["resume", ...typed], { HOLDFAST_TO: "http://127.0.0.1:1" });
    expect(said.stderr).toBe("");
    expect(said.code).toBe(0);
    const summary = said.command.events.find(({ name }) => name === "summary");
    expect(summary?.fields.get("skipped")).toBe(1);
    expect(await listed()).toEqual([]);
  });
});

describe("a signed link that was being fetched", () => {
  it("is gone on with, and what signs it is never shown", async () => {
    const links: string[] = [];
    for (const name of ["l1", "l2"]) {
      await makeFile(name, 3_000_000);
      const { lines } = await run(["upload", name, "--to", gate.url]);
      const shared = await run(["share", lines[0] ?? ""]);
      links.push(shared.lines[0] ?? "");
    }
    expect(links[0]).toContain("sig=");
    await stopped(["download", ...links, "-o", "linked"], "SIGKILL", gate, isNoted);
    const shown = await run(["resume", "--list"]);
    expect(shown.lines.join()).toContain("download");
    const said = [...shown.lines, JSON.stringify(await listed()), (await run(["resume"])).stderr];
    expect(said.join()).not.toContain("sig=");
    expect((await readdir(join(place, "linked"))).sort()).toEqual(["l1", "l2"]);
  });
});

describe("a token", () => {
  it("goes to one server only", async () => {
    await makeFile("first.bin");
    await makeFile("second.bin");
    const other = await startServer({ data: join(place, "other"), port: 0 });
    const otherGate = await openGate(other.url);
    await stopped(["upload", "first.bin", "--to", gate.url]);
    await stopped(["upload", "second.bin", "--to", otherGate.url], "SIGKILL", otherGate);
    const refused = await run(["resume"], { HOLDFAST_TOKEN: "secret" });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("the token is for one server");
    expect(refused.stderr).not.toContain("secret");
    const both = await run(["resume"]);
    expect(both.code).toBe(0);
    expect(both.lines).toHaveLength(2);
    await otherGate.close();
    await killServer(other);
  });
});

describe("a file that was complete", () => {
  it("is skipped though its server has forgotten the upload, unless the file itself is gone", async () => {
    await makeFile("kept.bin", 300_000);
    const words = ["upload", "kept.bin", "--to", gate.url, "--json"];
    const first = await run(words);
    const url = String(first.command.events.at(-1)?.fields.get("url"));
    const again = await run(words);
    const skipped = Object.fromEntries(again.command.events.at(-1)?.fields ?? []);
    expect(skipped).toMatchObject({ event: "complete", url, skipped: true, bytesSent: 0 });
    // It asks for the file, not for the upload's record, which goes after a day.
    expect((await fetch(url, { method: "DELETE" })).status).toBe(204);
    const anew = await run(words);
    const sent = Object.fromEntries(anew.command.events.at(-1)?.fields ?? []);
    expect(sent).toMatchObject({ event: "complete", skipped: false, bytesSent: 300_000 });
    expect(sent["url"]).not.toBe(url);
    const renamed = await run([...words, "--name", "x"]);
    const other = Object.fromEntries(renamed.command.events.at(-1)?.fields ?? []);
    expect(other).toMatchObject({ skipped: false, bytesSent: 300_000 });
  });
});

describe("what runs", () => {
  it("is marked, left alone by resume and forget, told of by its pid, and waited for with --wait", async () => {
    await makeFile("busy.bin", 20_000_000);
    const words = ["upload", "busy.bin", "--to", server.url];
    // It must not end before all the others have looked, however slow this machine is.
    const first = start([...words, "--limit-rate", "200K", "--json"]);
    await first.event("progress");
    const [one] = await listed();
    expect(one).toMatchObject({ kind: "upload", running: true, pid: expect.any(Number) });
    const pid = Number(one?.["pid"]);
    const shown = await run(["resume", "--list"]);
    expect(shown.lines[0]).toContain(`running (${pid})`);
    const second = await run(words);
    expect(second.code).toBe(5);
    expect(second.stderr).toContain(`process ${pid} is at this transfer already`);
    expect(second.stderr).toContain("--wait");
    expect((await run(["resume", "--forget", String(one?.["id"])])).code).toBe(5);
    for (const way of [["resume"], ["resume", "--forget", "--all"]]) {
      const said = await run(way);
      expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("Left as it is")]);
    }
    const waiting = start([...words, "--wait"]);
    const held = /at this transfer already; waiting for it to end/;
    await expect.poll(() => waiting.stderr(), { timeout: 20_000 }).toMatch(held);
    // What is to be there already has to have come, however fast this machine is.
    const isThere = () => first.events.some(({ fields }) => Number(fields.get("committed")) > 0);
    await expect.poll(isThere, { timeout: 30_000 }).toBe(true);
    first.kill("SIGINT");
    expect((await waiting.exit).code).toBe(0);
    expect(waiting.stderr()).toContain("Going on where it stopped");
    expect(waiting.stderr()).toContain("were there already");
    expect(await listed()).toEqual([]);
  });

  it("of a folder is waited for, too", async () => {
    await mkdir(join(place, "queue"));
    for (const name of ["a", "b"]) await makeFile(`queue/${name}`, 1_500_000);
    const words = ["upload", "queue", "--to", server.url];
    const first = start([...words, "--limit-rate", "500K", "--json"]);
    await first.event("progress");
    // It goes on when the others have met it, however slow this machine is.
    first.kill("SIGSTOP");
    const refused = await run(words);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringMatching(/process \d+ is at/)]);
    const waiting = start([...words, "--wait"]);
    await expect.poll(() => waiting.stderr(), { timeout: 60_000 }).toMatch(/waiting for it to end/);
    first.kill("SIGCONT");
    expect([(await first.exit).code, (await waiting.exit).code]).toEqual([0, 0]);
    expect(waiting.stderr()).toMatch(/waiting for it to end.*2 skipped/s);
  });

  it("is forgotten with all the rest when it runs no more", async () => {
    await makeFile("f1.bin");
    await makeFile("f2.bin");
    for (const name of ["f1.bin", "f2.bin"]) await stopped(["upload", name, "--to", gate.url]);
    expect(await listed()).toMatchObject([{ running: false }, { running: false }]);
    const said = await run(["resume", "--forget", "--all"]);
    expect(said.stderr.match(/^Forgotten: /gm)).toHaveLength(2);
    expect(await listed()).toEqual([]);
  });
});

describe("status of a path", () => {
  it("needs no address, since the checkpoint knows it; of several servers one is named", async () => {
    await makeFile("known.bin");
    const nobody = await run(["status", "known.bin"]);
    expect([nobody.code, nobody.stderr]).toEqual([6, expect.stringContaining("nothing is known")]);
    await stopped(["upload", "known.bin", "--to", gate.url]);
    const said = await run(["status", "known.bin"]);
    expect([said.code, said.lines.join("\n")]).toEqual([0, expect.stringMatching(/^state +open/m)]);
    const wrong = await run(["status", "known.bin", "--to", "http://127.0.0.1:1"]);
    expect([wrong.code, wrong.stderr]).toEqual([6, expect.stringContaining(gate.url)]);
    expect((await run(["upload", "known.bin", "--to", server.url])).code).toBe(0);
    const both = await run(["status", "known.bin"]);
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("several servers")]);
    const one = await run(["status", "known.bin", "--to", `${gate.url}/`]);
    expect(one.code).toBe(0);
  });
});

describe("a damaged checkpoint database", () => {
  it.each([
    ["resume", "--list"],
    ["status", "x.bin", "--to", "http://127.0.0.1:1"],
    ["upload", "damaged", "--to", "SERVER"],
  ])("is told of once on standard error by %s", async (...words) => {
    await mkdir(join(place, "damaged"), { recursive: true });
    for (const name of ["a", "b", "c"]) await makeFile(`damaged/${name}`, 1000);
    await makeFile("x.bin", 10);
    const stateDir = join(place, `state-${state}`);
    await mkdir(stateDir, { recursive: true });
    await writeFile(join(stateDir, "checkpoints.sqlite"), "no database at all");
    const said = await run(words.map((word) => (word === "SERVER" ? server.url : word)));
    expect(said.stderr.match(/the checkpoints were damaged/g)).toHaveLength(1);
    expect((await run(["resume", "--list"])).stderr).not.toContain("damaged");
  });
});

describe("a place where no checkpoint can be", () => {
  it("is no place for a download either, and ends at once", async () => {
    const url = `${server.url}/v1/files/${"a".repeat(26)}`;
    const said = await run(["download", url, url, "-o", "/proc/nope/deeper"]);
    expect([said.code, said.stderr]).toEqual([3, expect.stringContaining("/proc/nope")]);
  });

  it("is told of at once, by who needs it with an exit code, and keeps no upload", async () => {
    await makeFile("nowhere.bin", 1000);
    const env = { HOLDFAST_STATE_DIR: "/proc/nope" };
    const list = await run(["resume", "--list"], env);
    expect([list.code, list.stderr]).toEqual([7, expect.stringContaining("/proc/nope")]);
    const sent = await run(["upload", "nowhere.bin", "--to", server.url], env);
    expect(sent.code).toBe(0);
    expect(sent.stderr).toMatch(
      /^note: .*\/proc\/nope.* \(checkpoint_failed\)\n.*HOLDFAST_STATE_DIR/,
    );
  });
});
