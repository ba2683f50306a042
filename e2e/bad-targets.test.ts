// Targets of a download that cannot take it: named, with an exit code of their own, and nothing lost that was there.
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { CLI_ENTRY, numberOf, startCli, startProgram } from "@holdfast/testkit/process";
import { beforeAll, describe, expect, it } from "vitest";
import { eventOf, run } from "./kit/cli.ts";
import { serveForTests } from "./kit/served.ts";
import { fillDisk, holdDisk, makeRoom, onDiskOf, pathInside } from "./kit/small-disk.ts";
import { reached } from "./kit/upload.ts";

const served = serveForTests();
const SIZE = 9 * MIB + 5;
let home: string;
let url: string;
let bytes: Buffer;

beforeAll(async () => {
  home = served.directory();
  bytes = randomBytes(SIZE);
  await writeFile(join(home, "file"), bytes);
  url = (await run(home, ["upload", "file", "--to", served.url()])).stdout;
});

/** As somebody who is not root: root may write everywhere. */
async function runAsOrdinaryUser(args: readonly string[]) {
  const isRoot = process.getuid?.() === 0;
  const wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const env = { HOLDFAST_STATE_DIR: join(home, "no-state"), HOLDFAST_TOKEN: "" };
  const words = [process.execPath, CLI_ENTRY, ...args];
  const command = startProgram(words, { cwd: home, env, ...(isRoot ? { wrapper } : {}) });
  const { code } = await command.exit;
  return { code, stderr: command.stderr() };
}

describe("a target that is there already", () => {
  it("is kept where it has other bytes, with --force until the new one is whole", async () => {
    await writeFile(join(home, "mine"), "mine");
    const kept = await run(home, ["download", url, "-o", "mine"]);
    expect(kept.code).toBe(6);
    expect(kept.stderr).toContain("(sink_exists)");
    expect(await readFile(join(home, "mine"), "utf8")).toBe("mine");
    const words = ["download", url, "-o", "mine", "--force", "--json", "--limit-rate", "4M"];
    const command = startCli(words, { cwd: home, env: { HOLDFAST_STATE_DIR: home } });
    await command.event("progress");
    expect(await readFile(join(home, "mine"), "utf8")).toBe("mine");
    expect((await command.exit).code).toBe(0);
    expect(bytes.equals(await readFile(join(home, "mine")))).toBe(true);
  });

  it("is kept where it is a directory of that name", async () => {
    await mkdir(join(home, "place/file"), { recursive: true });
    const { code, stderr } = await run(home, ["download", url, "-o", "place"]);
    expect(code).toBe(6);
    expect(stderr).toContain("(sink_exists)");
  });
});

describe("a directory that cannot be written to", () => {
  it("is named, and nothing is fetched", async () => {
    const place = join(home, "read-only");
    await mkdir(place);
    await writeFile(join(place, "copy"), bytes.subarray(0, MIB));
    await chmod(home, 0o755);
    for (const path of [place, join(place, "copy")]) await chmod(path, 0o555);
    const download = await runAsOrdinaryUser(["download", url, "-o", join(place, "new")]);
    expect(download.code).toBe(7);
    expect(download.stderr).toMatch(/EACCES.*\n.*permissions and the free space/);
    expect(download.stderr).toContain("(sink_failed)");
    const repair = await runAsOrdinaryUser(["repair", join(place, "copy"), url]);
    expect(repair.code).toBe(7);
    expect(repair.stderr).toMatch(/EACCES/);
    expect(repair.stderr).toContain("(sink_failed)");
    expect(await readdir(place)).toEqual(["copy"]);
  });
});

describe("a disk that is full", () => {
  it("ends the download, and with room it goes on: what arrived is not fetched again", async () => {
    const disk = join(home, "disk");
    await mkdir(disk);
    const holder = await holdDisk(disk, 24 * MIB);
    const filler = pathInside(holder.pid, join(disk, "filler"));
    const env = { HOLDFAST_STATE_DIR: home, HOLDFAST_TOKEN: "" };
    const wrapper = onDiskOf(holder);
    const words = ["download", url, "-o", join(disk, "copy"), "--json", "--concurrency", "1"];
    await fillDisk(filler, 4.5 * MIB);
    const full = startCli(words, { cwd: home, env, wrapper });
    expect((await full.exit).code).toBe(7);
    const last = Object.fromEntries(full.events.at(-1)?.fields ?? []);
    expect(last).toMatchObject({ event: "error", code: "sink_failed" });
    expect(String(last["message"])).toContain("ENOSPC");
    await makeRoom(filler);
    const command = startCli(words, { cwd: home, env, wrapper });
    expect((await command.exit).code).toBe(0);
    const done = command.events.at(-1);
    if (!done) throw new Error(command.stderr());
    expect(numberOf(done, "bytesSent")).toBeLessThanOrEqual(SIZE - 4 * MIB);
    const inside = pathInside(holder.pid, join(disk, "copy"));
    expect(bytes.equals(await readFile(inside))).toBe(true);
    holder.kill("SIGKILL");
    await holder.exit;
    await rm(disk, { recursive: true });
  });
});

it("a part that was flipped on disk is found and fetched again, before the file has its name", async () => {
  const words = ["download", url, "-o", "flipped", "--json"];
  const first = startCli([...words, "--limit-rate", "4M"], {
    cwd: home,
    env: { HOLDFAST_STATE_DIR: home },
  });
  await reached(first, 3 * MIB);
  first.kill("SIGKILL");
  await first.exit;
  const [working = ""] = (await readdir(home)).filter((name) => name.endsWith(".part"));
  const there = await readFile(join(home, working));
  there[99] = (there[99] ?? 0) ^ 1;
  await writeFile(join(home, working), there);
  const second = await run(home, words);
  expect(second.code).toBe(0);
  expect(Number(eventOf(second, "complete").get("bytesSent"))).toBeLessThan(SIZE);
  expect(bytes.equals(await readFile(join(home, "flipped")))).toBe(true);
});
