// Keys to sign with: made once, kept to their owner, rotated under a running server, never weak.
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemRandom } from "../platform.ts";
import { findKey, keyringOf, readMasterKey } from "./keyring.ts";
import { type MasterKeys, openKeys, rotateKeys } from "./keys-file.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "holdfast-keys-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

const path = () => join(dataDir, "keys.json");
const GOOD = systemRandom.bytes(32);
const hex = Buffer.from(GOOD).toString("hex");

function open(given?: MasterKeys) {
  const clock = createVirtualClock();
  const logged: string[] = [];
  const log = (_level: string, event: string) => void logged.push(event);
  const keys = openKeys(dataDir, given, { clock, random: systemRandom, log });
  return { clock, keys, logged };
}

describe("the file", () => {
  it("is made at the first start, its owner's only, and kept", async () => {
    const first = open().keys().current;
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    const { current } = JSON.parse(await readFile(path(), "utf8"));
    expect(Buffer.from(current, "base64")).toHaveLength(32);
    expect(open().keys().current).toEqual(first);
  });

  it("is rotated while a server runs: the last key stays, the one before goes", () => {
    const { clock, keys } = open();
    const kids = [keys().current.kid];
    for (let turn = 0; turn < 2; turn++) {
      kids.push(rotateKeys(dataDir));
      clock.advance(1000);
      expect(keys().current.kid).toBe(kids.at(-1));
      expect(keys().previous?.kid).toBe(kids.at(-2));
    }
    expect(new Set(kids).size).toBe(3);
    expect(findKey(keys(), kids[0] ?? "")).toBeUndefined();
  });

  it.each([
    ["no JSON", "{"],
    ["a newer version", '{"version":2}'],
    ["no keys", '{"version":1}'],
    ["nothing", ""],
  ])("with %s is refused, left as it is, and none of it shown", async (_name, text) => {
    await writeFile(path(), text);
    const refused = expect.objectContaining({
      code: "data_dir_unusable",
      message: expect.stringContaining("remove it: then signed addresses end"),
    });
    expect(open).toThrow(refused);
    expect(() => rotateKeys(dataDir)).toThrow(refused);
    expect(await readFile(path(), "utf8")).toBe(text);
  });

  it("signs nothing while it is damaged, and goes on when it is back", async () => {
    const { clock, keys, logged } = open();
    const { kid } = keys().current;
    const text = await readFile(path(), "utf8");
    await writeFile(path(), "{");
    clock.advance(1000);
    expect(keys).toThrow(expect.objectContaining({ code: "storage_failed" }));
    expect(logged).toHaveLength(1);
    await writeFile(path(), text);
    clock.advance(1000);
    expect(keys().current.kid).toBe(kid);
  });

  it("opened to others is closed again by the next rotation", async () => {
    rotateKeys(dataDir);
    await chmod(path(), 0o644);
    rotateKeys(dataDir);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
  });
});

describe("row 23: a key", () => {
  it.each([
    ["hexadecimal", hex],
    ["capitals", hex.toUpperCase()],
    ["base64", Buffer.from(GOOD).toString("base64")],
    ["base64url", Buffer.from(GOOD).toString("base64url")],
    ["a line break behind", `${hex}\n`],
  ])("may be given in %s", (_name, text) => {
    expect(Buffer.from(readMasterKey(text, "a key")).equals(GOOD)).toBe(true);
    const { keys } = open({ current: text });
    expect(keys().current).toEqual(keyringOf(GOOD).current);
  });

  it.each([
    ["nothing", ""],
    ["a word", "changeme"],
    ["a sentence", "correct horse battery staple correct horse"],
    ["31 bytes", hex.slice(2)],
    ["zeros", "00".repeat(32)],
    ["one byte again and again", "ab".repeat(64)],
    ["a short pattern", "0123456789abcdef".repeat(4)],
    ["a sequence", Buffer.from(Array.from({ length: 32 }, (_, at) => at)).toString("hex")],
    ["a word again and again", Buffer.from("secret".repeat(8)).toString("base64")],
  ])("is refused where it is %s, without being shown", (_name, text) => {
    for (const given of [{ current: text }, { current: hex, previous: text }]) {
      const weak = { code: "weak_key", message: expect.stringMatching(/^HOLDFAST_KEY/) };
      expect(() => open(given)).toThrow(expect.objectContaining(weak));
      if (text !== "") expect(() => open(given)).not.toThrow(text);
    }
  });

  it("is refused where somebody put a weak one into the file", async () => {
    await writeFile(path(), JSON.stringify({ version: 1, current: "00".repeat(32) }));
    expect(open).toThrow(expect.objectContaining({ code: "weak_key" }));
  });

  it("tells by its id nothing of what it is, and signs with neither", () => {
    const { current } = keyringOf(GOOD);
    expect(current.kid).toMatch(/^[a-z2-7]{8}$/);
    expect(Buffer.from(current.secret).equals(GOOD)).toBe(false);
    expect(current.secret).toHaveLength(32);
  });
});
