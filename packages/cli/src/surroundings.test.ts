import { describe, expect, it } from "vitest";
import { tokenOf } from "./surroundings.ts";

describe("the token", () => {
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["a-token", "a-token"],
    ["a-token\n", "a-token"],
    [" a-token\r\n", "a-token"],
  ])("in %j is %j", (given, token) => {
    expect(tokenOf({ HOLDFAST_TOKEN: given })).toBe(token);
  });

  it.each(["two secrets", "two\nsecrets", "sécret", "secret\u0000", "\u{1f511}", " ", "\n"])(
    "is not %j, and that is not repeated",
    (given) => {
      expect(() => tokenOf({ HOLDFAST_TOKEN: given })).toThrow(
        expect.objectContaining({ code: "usage", message: "HOLDFAST_TOKEN holds no token" }),
      );
    },
  );
});
