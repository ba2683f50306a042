// Copies that are repaired, and files on standard output, with real processes.
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { CLI_ENTRY, startCli, startProgram } from "@holdfast/testkit/process";
import { beforeAll, describe, expect, it } from "vitest";
import { eventOf, run, type Said } from "./kit/cli.ts";
import { openDam, rightParts, written } from "./kit/dam.ts";
import { serveForTests } from "./kit/served.ts";

const served = serveForTests();
const SIZE = 12 * MIB + 5;
let home: string;
let url: string;
let bytes: Buffer;

beforeAll(async () => {
  home = served.directory();
  bytes = randomBytes(SIZE);
  await writeFile(join(home, "file"), bytes);
  url = (await run(home, ["upload", "file", "--to", served.url()])).stdout;
});

async function writeCopy(name: string, flips: readonly number[], size = SIZE): Promise<void> {
  const copy = Buffer.from(bytes.subarray(0, size));
  for (const at of flips) copy[at] = (copy[at] ?? 0) ^ 16;
  await writeFile(join(home, name), copy);
}

async function isRight(name: string): Promise<boolean> {
  return bytes.equals(await readFile(join(home, name)));
}

/** On a busy machine a last run may be late, and be asked for twice: what is good is not asked for all the same. */
function sentOf(said: Said, bad: number): { readonly sent: number; readonly isFew: boolean } {
  const sent = Number(eventOf(said, "complete").get("bytesSent"));
  return { sent, isFew: sent >= bad && sent < bad + 2 * MIB };
}

describe("repair", () => {
  it("fetches only what is bad, and says so", async () => {
    await writeCopy("bad", [5, 7 * MIB + 3], 11 * MIB + 9);
    const json = await run(home, ["repair", "bad", url, "--json"]);
    expect(json.code).toBe(0);
    // Parts 0, 7, 11 and the last one of 5 bytes.
    const fetched = 3 * MIB + 5;
    const { sent, isFew } = sentOf(json, fetched);
    expect(isFew, `${sent}`).toBe(true);
    expect(await isRight("bad")).toBe(true);
    expect((await run(home, ["verify", "bad", url])).code).toBe(0);
  });

  it("says what a person wants to know, and does nothing to a copy that is right", async () => {
    await writeCopy("one", [3 * MIB]);
    const done = await run(home, ["repair", "one", url]);
    expect(done).toMatchObject({ code: 0, stdout: "one" });
    expect(done.stderr).toMatch(/^Repaired 12\.0 MiB in .*; 11\.0 MiB were good\./);
    const { mtimeMs } = await stat(join(home, "one"));
    const again = await run(home, ["repair", "one", url]);
    expect(again).toMatchObject({ code: 0, stdout: "one" });
    expect(again.stderr).toMatch(/^Nothing to repair\./);
    expect((await stat(join(home, "one"))).mtimeMs).toBe(mtimeMs);
  });

  it("goes on after kill -9, and what was good stays good", async () => {
    const all = Array.from({ length: 12 }, (_, part) => part * MIB + 99);
    await writeCopy("killed", all.slice(0, 11));
    const dam = await openDam(served.url());
    dam.hold(4.5 * MIB);
    const words = ["repair", "killed", url.replace(served.url(), dam.url), "--json"];
    const first = startCli([...words, "--concurrency", "1"], {
      cwd: home,
      env: { HOLDFAST_STATE_DIR: home },
    });
    const look = () => rightParts(join(home, "killed"), bytes);
    // Two of them were good before.
    await written(first, 5, look);
    first.kill("SIGKILL");
    await first.exit;
    await dam.close();
    const right = await look();
    const left = await run(home, ["verify", "killed", url, "--json"]);
    const bad = eventOf(left, "verified").get("bad");
    const parts = Array.isArray(bad) ? bad.map(({ index }) => Number(index)) : [];
    expect(right).toEqual(expect.arrayContaining([0, 11, 12]));
    expect(parts).toEqual([...Array(13).keys()].filter((part) => !right.includes(part)));
    const second = await run(home, ["repair", "killed", url, "--json"]);
    expect(second.code).toBe(0);
    const { sent, isFew } = sentOf(second, parts.length * MIB);
    expect(isFew, `${sent}`).toBe(true);
    expect(await isRight("killed")).toBe(true);
  });

  it.each([
    ["no copy", ["repair", "none", "FILE"], 4, "holdfast download"],
    ["another file", ["repair", "other", "FILE"], 6, "sink_exists"],
    ["a directory", ["repair", ".", "FILE"], 7, "sink_failed"],
    ["no such file there", ["repair", "file", "MISSING"], 4, "file_not_found"],
  ])("refuses %s", async (_name, words, exit, said) => {
    const other = randomBytes(3 * MIB);
    await writeFile(join(home, "other"), other);
    const missing = `${served.url()}/v1/files/${"a".repeat(26)}`;
    const args = words.map((word) => word.replace("FILE", url).replace("MISSING", missing));
    const { code, stderr } = await run(home, args);
    expect(code).toBe(exit);
    expect(stderr).toContain(said);
    expect(other.equals(await readFile(join(home, "other")))).toBe(true);
  });
});

describe("cat", () => {
  it("writes the whole file, and nothing else, to standard output", async () => {
    const words = `'${process.execPath}' '${CLI_ENTRY}' cat ${url} --quiet | cmp - file`;
    const command = startProgram(["bash", "-o", "pipefail", "-c", words], {
      cwd: home,
      env: { HOLDFAST_STATE_DIR: home, HOLDFAST_TOKEN: "" },
    });
    expect((await command.exit).code).toBe(0);
    expect({ lines: command.strayLines, stderr: command.stderr() }).toEqual({
      lines: [],
      stderr: "",
    });
  });

  it("says what is wrong on standard error only", async () => {
    const { code, stdout, stderr } = await run(home, [
      "cat",
      `${served.url()}/v1/files/${"a".repeat(26)}`,
    ]);
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    expect(stderr).toContain("file_not_found");
  });
});
