// Names in Content-Disposition: both forms, and everything that is none.
import { describe, expect, it } from "vitest";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import { decodeDisposition, encodeDisposition } from "./disposition.ts";

describe("a name in Content-Disposition", () => {
  it.each([
    ["attachment; filename=a.bin", "a.bin"],
    ['attachment; filename="a b.bin"', "a b.bin"],
    ['attachment; filename="say \\"a\\".bin"', 'say "a".bin'],
    ["attachment; filename*=UTF-8''%C3%9Cbung%20%E2%98%82.bin", "Übung ☂.bin"],
    ["attachment; filename=\"old.bin\"; filename*=utf-8'de'new.bin", "new.bin"],
    ["inline;FILENAME = a.bin", "a.bin"],
    ["attachment; filename=\"a; filename*=UTF-8''b.bin\"", "a; filename*=UTF-8''b.bin"],
    ['attachment; filename="a; filename=b.bin"', "a; filename=b.bin"],
    ['attachment; title="; filename=a.bin"; filename=b.bin', "b.bin"],
    ['attachment; title="; filename="; x="y"; filename="b.bin"', "b.bin"],
    ['filename="e\u0301"', "é"],
  ])("of %s is %s", (field, name) => {
    expect(decodeDisposition(field)).toBe(name);
  });

  it.each(["a; filename*=UTF-8''b.bin", "a; filename=b.bin", 'a"; filename=b.bin'])(
    "is still %s when it was written and read",
    (name) => expect(decodeDisposition(encodeDisposition(name))).toBe(name),
  );

  it("costs one pass, however quotes are broken", () => {
    const began = performance.now();
    const broken = [`"${'\\"'.repeat(4000)}`, '"'.repeat(8001), "\\".repeat(8001)];
    for (const text of broken) refusalOf(() => decodeDisposition(`attachment; title=${text}`));
    expect(performance.now() - began).toBeLessThan(50);
  });

  it.each([
    [undefined, "content-disposition"],
    ["", "content-disposition"],
    ["attachment", "content-disposition"],
    ["attachment; filename*=UTF-8''%FF", "content-disposition"],
    ["attachment; filename*=latin1''a", "content-disposition"],
    [`attachment; filename="${"a".repeat(9000)}"`, "content-disposition"],
    ['attachment; filename=""', "name"],
    ['attachment; filename=".."', "name"],
    ["attachment; filename*=UTF-8''a%2Fb", "name"],
    ["attachment; filename*=UTF-8''a%00b", "name"],
    [`attachment; filename="${"a".repeat(256)}"`, "name"],
  ])("is refused in %s", (field, named) => {
    const refusal = refusalOf(() => decodeDisposition(field));
    expect(refusal).toEqual({ code: "invalid_request", field: named });
  });
});
