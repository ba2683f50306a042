import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve, sep } from "node:path";
import { checkName } from "@holdfast/protocol";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { placeWithin, safeName, safeNames, saidName } from "./safe-path.ts";

/** Pieces that have led out of directories somewhere. */
const EVIL = fc.constantFrom(
  "..",
  ".",
  "/",
  "\\",
  "C:",
  "~",
  "\0",
  "\n",
  "%2e%2e",
  "con",
  "NUL.txt",
  "com1",
  " ",
  "...",
  "\u202e",
  "\u2028",
  "\u200f",
  "a",
  "漢",
  "🎈",
  "x".repeat(300),
  ":stream",
  "|",
  "*",
  "\ud800",
);
const names = fc.array(EVIL, { maxLength: 8 }).map((pieces) => pieces.join(""));

describe("a name from elsewhere", () => {
  it.each([
    ["report.pdf", "report.pdf"],
    [".bashrc", ".bashrc"],
    ["naïve 漢字 🎈.txt", "naïve 漢字 🎈.txt"],
    ["con", "_con"],
    ["Aux.tar.gz", "_Aux.tar.gz"],
    ["console", "console"],
    ["lpt9", "_lpt9"],
    ["a:b*c?", "a_b_c_"],
    ["trailing. ", "trailing_"],
    ["..", "_"],
    ["", "_"],
    ["a\u2028b\u2029c", "a_b_c"],
    ["\u200fדוח\u061c.pdf", "\u200fדוח\u061c.pdf"],
  ])("%j is kept as %j", (name, kept) => {
    expect(safeName(name)).toBe(kept);
  });

  it.each([
    [".bashrc", "_bashrc"],
    ["..-rf", "_rf"],
    ["--help", "_help"],
    ["a.-b", "a.-b"],
    ["", "_"],
    [".con", "_con"],
  ])("%j becomes %j where only its server has said it", (name, kept) => {
    expect(saidName(name)).toBe(kept);
  });

  it("is cut at 255 bytes, and keeps its end", () => {
    const cut = safeName(`${"漢".repeat(200)}.tar.gz`);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(255);
    expect(cut).toMatch(/^漢+\.gz$/);
  });

  it("is one name that every server takes too, whatever it was", () => {
    fc.assert(
      fc.property(names, (name) => {
        const safe = safeName(name);
        expect(checkName(safe)).toBe(safe);
        expect(safe).not.toMatch(/[/\\:]/);
        expect(safeName(safe)).toBe(safe);
      }),
    );
  });
});

describe("a path from elsewhere", () => {
  it.each(["..", "a/../b", "../../etc/passwd", "/etc/passwd", "C:\\x", "c:/x", "", "/", "./."])(
    "%j is refused",
    (path) => {
      expect(() => safeNames(path)).toThrow(/is no path within a directory/);
    },
  );

  it("may have a colon where no drive is meant", () => {
    expect(safeNames("a:b/c")).toEqual(["a_b", "c"]);
  });

  it("stays within its directory, whatever it is", () => {
    fc.assert(
      fc.property(fc.array(names, { maxLength: 5 }), (pieces) => {
        let below: readonly string[];
        try {
          below = safeNames(pieces.join("/"));
        } catch {
          return;
        }
        const root = resolve("/the/root");
        expect(resolve(root, ...below).startsWith(root + sep)).toBe(true);
        expect(below.some((name) => name === ".." || name === "." || /[/\\]/.test(name))).toBe(
          false,
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe("a place within a directory", () => {
  let root: string;
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), "holdfast-place-")));
  });
  afterEach(() => rm(root, { recursive: true }));

  it("has its directories made", async () => {
    expect(await placeWithin(root, "a/b/c.txt")).toBe(join(root, "a", "b", "c.txt"));
    expect(await readdir(join(root, "a"))).toEqual(["b"]);
    expect(await placeWithin(root, "a/d")).toBe(join(root, "a", "d"));
  });

  it("is reached over no link and through no file", async () => {
    await mkdir(join(root, "elsewhere"));
    await symlink("elsewhere", join(root, "link"));
    await writeFile(join(root, "file"), "");
    await expect(placeWithin(root, "link/x")).rejects.toMatchObject({ code: "sink_failed" });
    await expect(placeWithin(root, "file/x")).rejects.toMatchObject({ code: "sink_failed" });
    expect(await readdir(join(root, "elsewhere"))).toEqual([]);
  });
});
