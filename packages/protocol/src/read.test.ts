// Fields of JSON that nobody vouches for.
import { describe, expect, it } from "vitest";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import { fieldsOf, optionalText, optionalWhole, textAt, wholeAt } from "./read.ts";

describe("fields", () => {
  const fields = fieldsOf(JSON.parse('{"__proto__":{"x":1},"text":"t","whole":7}'), "body");

  it("are an object's own, whatever their names", () => {
    expect(fields.get("x")).toBeUndefined();
    expect(fields.has("__proto__")).toBe(true);
    expect(fields.has("toString")).toBe(false);
  });

  it.each([null, undefined, [], 7, "{}", true])("are not in %j", (value) => {
    expect(refusalOf(() => fieldsOf(value, "body"))).toEqual({
      code: "invalid_request",
      field: "body",
    });
  });

  it("are read by type", () => {
    expect(textAt(fields, "text")).toBe("t");
    expect(optionalText(fields, "text")).toBe("t");
    expect(optionalText(fields, "none")).toBeUndefined();
    expect(wholeAt(fields, "whole")).toBe(7);
    expect(optionalWhole(fields, "none")).toBeUndefined();
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "7", null, true, [7]])(
    "take no %j as a whole number",
    (value) => {
      const odd = new Map([["n", value]]);
      expect(refusalOf(() => wholeAt(odd, "n"))?.field).toBe("n");
      expect(refusalOf(() => optionalWhole(odd, "n"))?.field).toBe("n");
    },
  );

  it.each([7, null, ["t"], true])("take no %j as a text", (value) => {
    const odd = new Map([["t", value]]);
    expect(refusalOf(() => textAt(odd, "t"))?.field).toBe("t");
    expect(refusalOf(() => optionalText(odd, "t"))?.field).toBe("t");
  });
});
