import { describe, expect, it } from "vitest";
import { fileAddress, parseTarget, uploadAddress } from "./targets.ts";

const ID = "aaaqeayeaudaocajbifqydiob4";

describe("what is meant by", () => {
  it.each([
    [ID, { kind: "id", id: ID }],
    [`https://h/v1/files/${ID}`, { kind: "file", id: ID, url: `https://h/v1/files/${ID}` }],
    [`https://h/x/v1/uploads/${ID}`, { kind: "upload", id: ID }],
    [`https://h/v1/files/${ID}?sig=s`, { kind: "file", id: ID }],
    ["disk.img", { kind: "path", path: "disk.img" }],
    [`./${ID}`, { kind: "path", path: `./${ID}` }],
    [`${ID}x`, { kind: "path" }],
    ["http", { kind: "path" }],
  ])("%s is clear", (text, target) => {
    expect(parseTarget(text)).toMatchObject(target);
  });

  it.each([
    "https://h/",
    `https://h/v1/files/${ID}/manifest`,
    `https://h/v1/uploads/${ID}?sig=hunter2`,
    `https://me:hunter2@h/v1/files/${ID}`,
  ])("%s is nothing", (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => parseTarget(text)).not.toThrow(/hunter2/);
  });

  it("an id, below a server with or without a slash, is clear too", () => {
    expect(fileAddress("http://h/", ID)).toBe(`http://h/v1/files/${ID}`);
    expect(uploadAddress("http://h/base", ID)).toBe(`http://h/base/v1/uploads/${ID}`);
  });
});
