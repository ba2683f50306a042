// Targets of a download that cannot take it: named, with an exit code of their own, and nothing lost that was there.
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { startOddServer } from "@holdfast/testkit/odd-server";
import { CLI_ENTRY, numberOf, startCli, startProgram } from "@holdfast/testkit/process";
import { beforeAll, describe, expect, it } from "vitest";
import { run } from "./kit/cli.ts";
import { openDam, rightParts, written } from "./kit/dam.ts";
import { serveForTests } from "./kit/served.ts";
import { fillDisk, holdDisk, makeRoom, onDiskOf, pathInside } from "./kit/small-disk.ts";

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

describe("a name that only the server has said", () => {
  it("begins with no dot and no dash, and is kept where somebody asks for it", async () => {
    const named = join(home, "named");
    await mkdir(named);
    await writeFile(join(named, ".profile"), "mine");
    const sent = await run(named, ["upload", ".profile", "--to", served.url()]);
    const other = await startOddServer(Buffer.from("of another server"));
    other.spoil = (said) => {
      said.headers["content-disposition"] = 'attachment; filename="-rf"';
      return undefined;
    };
    const into = join(home, "into");
    expect((await run(home, ["download", sent.stdout, other.url, "-o", `${into}/`])).code).toBe(0);
    await other.close();
    expect((await readdir(into)).sort()).toEqual(["_profile", "_rf"]);
    const asked = await run(home, ["download", sent.stdout, "-o", join(into, ".profile")]);
    expect(asked.code).toBe(0);
    expect(await readFile(join(into, ".profile"), "utf8")).toBe("mine");
  });
});

describe("a target that is there already", () => {
  it("is kept where it has other bytes, with --force until the new one is whole", async () => {
    await writeFile(join(home, "mine"), "mine");
    const kept = await run(home, ["download", url, "-o", "mine"]);
    expect(kept.code).toBe(6);
    expect(kept.stderr).toContain("(sink_exists)");
    expect(await readFile(join(home, "mine"), "utf8")).toBe("mine");
    const dam = await openDam(served.url());
    dam.hold(2 * MIB);
    const words = ["download", url.replace(served.url(), dam.url), "-o", "mine", "--force"];
    const command = startCli([...words, "--json"], {
      cwd: home,
      env: { HOLDFAST_STATE_DIR: home },
    });
    await command.event("progress");
    expect(await readFile(join(home, "mine"), "utf8")).toBe("mine");
    dam.open();
    expect((await command.exit).code).toBe(0);
    await dam.close();
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

describe.each(["SIGKILL", "SIGINT"] as const)("a download that ended by %s", (signal) => {
  /** Some parts have arrived, the next one in half. */
  async function stopped(name: string) {
    const dam = await openDam(served.url());
    dam.hold(4.5 * MIB);
    const from = url.replace(served.url(), dam.url);
    const words = ["download", from, "-o", name, "--json", "--concurrency", "1"];
    const command = startCli(words, { cwd: home, env: { HOLDFAST_STATE_DIR: home } });
    const working = async () => {
      const [found = "nothing"] = (await readdir(home)).filter(isWorking(name));
      return join(home, found);
    };
    await written(command, 3, async () => rightParts(await working(), bytes));
    command.kill(signal);
    const { code } = await command.exit;
    await dam.close();
    const path = await working();
    const arrived = (await rightParts(path, bytes)).length;
    return { code, working: path, journal: path.replace(/part$/, "journal"), arrived };
  }

  function isWorking(name: string): (one: string) => boolean {
    return (one) => one.startsWith(`.${name}.`) && one.endsWith(".part");
  }

  async function goOn(name: string) {
    const again = await run(home, ["download", url, "-o", name, "--json"]);
    expect(again.code).toBe(0);
    expect(bytes.equals(await readFile(join(home, name)))).toBe(true);
    expect((await readdir(home)).filter((one) => one.startsWith(`.${name}`))).toEqual([]);
    const notices = again.events.filter((event) => event.name === "notice");
    const first = again.events.find((event) => event.name === "progress");
    return { resumed: first?.fields.get("committed"), notices };
  }

  it("finds a part that was flipped on disk meanwhile, and fetches it again", async () => {
    const name = `flipped-${signal}`;
    const { working } = await stopped(name);
    const there = await readFile(working);
    there[99] = (there[99] ?? 0) ^ 1;
    await writeFile(working, there);
    await goOn(name);
  });

  it("goes on from a journal that is torn as from none, and says so", async () => {
    const name = `torn-${signal}`;
    const { journal, arrived } = await stopped(name);
    await writeFile(journal, "half a jour");
    const { resumed, notices } = await goOn(name);
    expect(resumed).toBe(arrived * MIB);
    const [notice] = notices.map(({ fields }) => Object.fromEntries(fields));
    expect(notice).toMatchObject({ code: "checkpoint_damaged" });
    expect(String(notice?.["message"])).toContain("is torn");
  });

  it("takes the journal of another file for none, and says so", async () => {
    const name = `foreign-${signal}`;
    const { journal, arrived } = await stopped(name);
    await writeFile(journal, foreignJournal());
    const { resumed, notices } = await goOn(name);
    expect(resumed).toBe(arrived * MIB);
    expect(notices.map(({ fields }) => String(fields.get("message")))).toEqual([
      expect.stringContaining("is of another file"),
    ]);
  });

  it("fetches nothing again that had arrived", async () => {
    const name = `kept-${signal}`;
    const { code, journal, arrived } = await stopped(name);
    if (signal === "SIGINT") {
      expect(code).toBe(130);
      // Stopped in order it has named all that arrived: the next one need not read it.
      const text = await readFile(journal, "utf8");
      expect(text).toMatch(/"mark":"\d+ \d+ \d+ \d+","parts":"0f00"/);
    }
    const { resumed, notices } = await goOn(name);
    expect({ resumed, notices }).toEqual({ resumed: arrived * MIB, notices: [] });
  });
});

/** Sealed as it should be, with every part named. */
function foreignJournal(): string {
  const fields = { kind: "journal", mark: "1 2 3 4", parts: "ff03", root: "0".repeat(64) };
  const body = JSON.stringify({ ...fields, version: 1 });
  return `${createHash("sha256").update(body).digest("hex")} ${body}`;
}
