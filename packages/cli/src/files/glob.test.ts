import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFilter } from "./filter.ts";
import { compileGlob, isPattern } from "./glob.ts";

describe("a pattern", () => {
  it.each([
    ["*.jpg", ["a.jpg", ".jpg", "ä b.jpg"], ["a.jpeg", "x/a.jpg", "a.jpg.txt"]],
    ["?.txt", ["a.txt", "漢.txt", "🎈.txt"], ["ab.txt", ".txt", "/.txt"]],
    ["[a-c]1", ["a1", "c1"], ["d1", "-1", "[a-c]1"]],
    ["[!a-c]1", ["d1", "!1"], ["a1", "/1"]],
    ["[]x]", ["]", "x"], ["y"]],
    ["*.{jpg,png}", ["a.jpg", "b.png"], ["a.jpg,png", "a.{jpg,png}"]],
    ["{a,{b,c}d}e", ["ae", "bde", "cde"], ["be", "de"]],
    ["a,b", ["a,b"], ["a", "b"]],
    ["**/x", ["x", "a/x", "a/b/x"], ["ax", "x/a"]],
    ["a/**", ["a/b", "a/b/c", "a/"], ["a", "ab"]],
    ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]],
    ["a\\*b", ["a*b"], ["axb", "a\\*b"]],
    ["a.b+(c)$^", ["a.b+(c)$^"], ["aXb+(c)$^"]],
    ["a}b", ["a}b"], []],
  ])("%s", (pattern, matching, others) => {
    const glob = compileGlob(pattern);
    expect(matching.filter((path) => !glob.test(path))).toEqual([]);
    expect(others.filter((path) => glob.test(path))).toEqual([]);
  });

  it.each(["", "{a", "x".repeat(1025)])("cannot be %j", (pattern) => {
    expect(() => compileGlob(pattern)).toThrow(/is not a pattern/);
  });

  it("without anything special matches itself and nothing else", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 50 }), (text) => {
        fc.pre(!isPattern(text) && !/[}\\\]]/.test(text) && text.isWellFormed());
        const glob = compileGlob(text);
        expect(glob.test(text)).toBe(true);
        expect(glob.test(`${text}x`)).toBe(false);
      }),
    );
  });
});

describe("a filter", () => {
  const takes = (include: string[], exclude: string[], path: string) =>
    createFilter(include, exclude).takes(path);

  it.each<[string, string[], string[], string, boolean]>([
    ["takes everything without rules", [], [], "a/.b", true],
    ["takes by name at any depth", ["*.jpg"], [], "a/b/c.jpg", true],
    ["leaves what no include matches", ["*.jpg"], [], "a/b/c.png", false],
    ["leaves what is excluded", [], ["*.tmp"], "a/.x.tmp", false],
    ["leaves what is both", ["*.tmp"], ["a/*"], "a/x.tmp", false],
    ["reads a path from where the walk began", [], ["b/*"], "a/b/c", true],
    ["reads a leading slash as that", [], ["/b/*"], "b/c", false],
  ])("%s", (_name, include, exclude, path, isTaken) => {
    expect(takes(include, exclude, path)).toBe(isTaken);
  });

  it.each(["node_modules", "node_modules/", "node_modules/**", "**/node_modules"])(
    "does not enter a directory excluded by %s",
    (pattern) => {
      const filter = createFilter(["*.js"], [pattern]);
      expect([filter.enters("node_modules"), filter.enters("src")]).toEqual([false, true]);
    },
  );
});
