// The tokens of a data directory: on the disk as hashes, seen by a running server, refused where they are damaged.
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeTable, encodeTable } from "./table.ts";
import { createToken, listTokens, revokeToken, watchTokens } from "./tokens-file.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "holdfast-tokens-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

const path = () => join(dataDir, "tokens.json");
const wants = { name: "laptop", tenant: "acme", scopes: ["write"] } as const;

function watch() {
  const clock = createVirtualClock();
  const logged: string[] = [];
  const { current, latest } = watchTokens(dataDir, clock, (_level, event) => logged.push(event));
  const later = () => {
    clock.advance(1000);
    return current();
  };
  return { clock, logged, current, latest, later };
}

describe("the file", () => {
  it("keeps no secret, is its owner's only, and stands alone", async () => {
    const { token, info } = createToken(dataDir, { ...wants, ttlMs: 1000, limits: { openMax: 3 } });
    const text = await readFile(path(), "utf8");
    expect(text).not.toContain(token.slice(-32));
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect((await readdir(dataDir)).sort()).toEqual(["settings.lock", "tokens.json"]);
    expect(info).toMatchObject({ principal: "laptop", limits: { openMax: 3 } });
    expect(info.expiresAt).toBe(info.createdAt + 1000);
    expect(listTokens(dataDir)).toEqual([info]);
    expect(decodeTable(encodeTable(decodeTable(text)))).toEqual(decodeTable(text));
  });

  it("stays its owner's when it was opened to others before", async () => {
    createToken(dataDir, wants);
    await chmod(path(), 0o644);
    createToken(dataDir, wants);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
  });

  // Only root can give a file away.
  it.runIf(process.getuid?.() === 0)("made by root is the data directory's owner's", async () => {
    await chown(dataDir, 65_534, 65_534);
    createToken(dataDir, wants);
    for (const name of await readdir(dataDir)) {
      expect([name, (await stat(join(dataDir, name))).uid]).toEqual([name, 65_534]);
    }
  });

  it("is not written through a link that somebody put where the new one is made", async () => {
    const { symlink } = await import("node:fs/promises");
    const target = join(dataDir, "target");
    await writeFile(target, "untouched");
    await symlink(target, `${path()}.new`);
    createToken(dataDir, wants);
    expect(await readFile(target, "utf8")).toBe("untouched");
  });

  it.each([
    ["no JSON", "{", /tokens\.json/],
    ["a newer version", '{"version":2,"tokens":[]}', /newer Holdfast/],
    ["no list", '{"version":1}', /no list of tokens/],
    [
      "an entry that lacks its hash",
      '{"version":1,"tokens":[{"id":"aaaaaaaa"}]}',
      /hash of token 1/,
    ],
    ["nothing", "", /tokens\.json/],
  ])("with %s is refused, and left as it is", async (_name, text, why) => {
    await writeFile(path(), text);
    const refused = { code: "data_dir_unusable", message: expect.stringMatching(why) };
    const remedy = { message: expect.stringContaining("remove it and make new tokens") };
    for (const attempt of [
      () => createToken(dataDir, wants),
      () => listTokens(dataDir),
      () => revokeToken(dataDir, "aaaaaaaa"),
      () => watch(),
    ]) {
      expect(attempt).toThrow(expect.objectContaining(refused));
      expect(attempt).toThrow(expect.objectContaining(remedy));
    }
    expect(await readFile(path(), "utf8")).toBe(text);
  });

  it("is refused with a limit that is misspelt or no number: it would be no limit", async () => {
    createToken(dataDir, { ...wants, limits: { openMax: 3 } });
    const text = await readFile(path(), "utf8");
    for (const wrong of ['"opneMax": 3', '"openMax": "3"', '"openMax": -1', '"__proto__": 1']) {
      await writeFile(path(), text.replace('"openMax": 3', wrong));
      expect(() => listTokens(dataDir)).toThrow(/limits of token 1/);
    }
  });

  it.each([
    { scopes: [] },
    { tenant: "a/b" },
    { tenant: "" },
    { principal: "two words" },
    { name: "two\nlines" },
    { ttlMs: 0 },
  ])("takes no %j", (more) => {
    const refused = expect.objectContaining({ code: "usage" });
    expect(() => createToken(dataDir, { ...wants, ...more })).toThrow(refused);
  });
});

describe("a running server", () => {
  it("sees what is made and revoked within a second, and looks no more often", () => {
    const { clock, current, later } = watch();
    expect(current()).toBeUndefined();
    const { info } = createToken(dataDir, wants);
    expect(later()?.get(info.id)).toMatchObject({ tenant: "acme" });
    expect(revokeToken(dataDir, info.id)).toBe(0);
    clock.advance(999);
    expect(current()?.has(info.id)).toBe(true);
    clock.advance(1);
    expect(current()?.size).toBe(0);
  });

  it("is looked at anew for what is not there yet", () => {
    const { current, latest } = watch();
    const { info } = createToken(dataDir, wants);
    expect(current()).toBeUndefined();
    expect(latest()?.has(info.id)).toBe(true);
    expect(current()?.has(info.id)).toBe(true);
  });

  it("lets nobody in by a file that was damaged or removed, until it is there again", async () => {
    const { info } = createToken(dataDir, wants);
    const { logged, current, later } = watch();
    expect(current()?.has(info.id)).toBe(true);
    const text = await readFile(path(), "utf8");
    await writeFile(path(), text.slice(0, -5));
    const closed = expect.objectContaining({ code: "storage_failed" });
    expect(later).toThrow(closed);
    expect(later).toThrow(closed);
    expect(logged).toHaveLength(1);
    await rm(path());
    expect(later).toThrow(closed);
    await writeFile(path(), text);
    expect(later()?.has(info.id)).toBe(true);
  });

  it("knows only tokens that exist", () => {
    const refused = expect.objectContaining({ code: "usage", message: "there is no such token" });
    expect(() => revokeToken(dataDir, "aaaaaaaa")).toThrow(refused);
  });
});
