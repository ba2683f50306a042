import { describe, expect, it } from "vitest";
import { checkFileAddress, fileIdOf, manifestAddress, plainAddress } from "./file-address.ts";

const PLAIN = "https://files.example/base/v1/files/aaaqeayeaudaocajbifqydiob4";
const LINK = `${PLAIN}?kid=k&by=b&iat=1&exp=2&sig=hunter2`;

describe("a file's address", () => {
  it.each([
    [PLAIN, PLAIN],
    [`${PLAIN}/`, PLAIN],
    [LINK, LINK],
    [LINK.replace("?", "/?"), LINK],
  ])("%s is %s", (given, checked) => {
    expect(checkFileAddress(given, true)).toBe(checked);
    expect([fileIdOf(checked), plainAddress(checked)]).toEqual([PLAIN.slice(-26), PLAIN]);
  });

  it("has its manifest below it, signed as itself", () => {
    expect(manifestAddress(PLAIN)).toBe(`${PLAIN}/manifest`);
    expect(manifestAddress(LINK)).toBe(`${PLAIN}/manifest?kid=k&by=b&iat=1&exp=2&sig=hunter2`);
  });

  it.each([
    `${PLAIN}?token=hunter2`,
    `${PLAIN}#hunter2`,
    `${LINK}#x`.replace("?", "#?"),
    "ftp://h/x?sig=hunter2",
  ])("is not %s, and no secret is repeated", (address) => {
    const check = (): string => checkFileAddress(address, false);
    expect(check).toThrow(expect.objectContaining({ code: "usage" }));
    expect(check).not.toThrow(/hunter2/);
  });

  it("takes no token along in the clear", () => {
    const far = LINK.replace("https", "http");
    expect(() => checkFileAddress(far, true)).toThrow(
      expect.objectContaining({ code: "insecure_transport" }),
    );
  });
});
