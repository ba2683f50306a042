import { describe, expect, it } from "vitest";
import { lineOf } from "./lines.ts";

const TEXT = `a = 1
[b]
c = 2
d.e = 3
[profile."x y"]
f = { g = 4 }
'h' = 5
[[i]]
j = 6
[k.l]
m = 7
`;

describe("the line", () => {
  it.each([
    ["a", 1],
    ["b", 2],
    ["b.c", 3],
    ["b.d.e", 4],
    ["profile.x y.f", 6],
    ["profile.x y.f.g", 6],
    ["profile.x y.h", 7],
    ["i.j", 9],
    ["k", 10],
    ["k.l.m", 11],
    ["none", undefined],
  ])("of %s is %s", (path, line) => {
    expect(lineOf(TEXT, path.split("."))).toBe(line);
  });
});
