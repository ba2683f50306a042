// Canonical JSON: RFC 8785 by table, by property and against a second implementation.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { naiveCanonicalJson } from "../scripts/vectors/naive.ts";
import { canonicalJson, type Json } from "./json.ts";

describe("canonicalJson", () => {
  it.each<[Json, string]>([
    [null, "null"],
    [true, "true"],
    [0, "0"],
    [-0, "0"],
    [-1, "-1"],
    [9007199254740991, "9007199254740991"],
    ["", '""'],
    [
      '"\\/\b\f\n\r\t\u000f\u007f\u2028\u20ac\u{1f600}',
      '"\\"\\\\/\\b\\f\\n\\r\\t\\u000f\u007f\u2028\u20ac\u{1f600}"',
    ],
    [[], "[]"],
    [[1, [2, "x"], {}], '[1,[2,"x"],{}]'],
    [{ b: 1, a: { d: 1, c: 2 } }, '{"a":{"c":2,"d":1},"b":1}'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [{ 10: 1, 9: 2 }, '{"10":1,"9":2}'],
    [new Map([["__proto__", 1]]), '{"__proto__":1}'],
    [{ "\ufb33": 1, "\u{1f600}": 2 }, '{"\u{1f600}":2,"\ufb33":1}'],
  ])("writes %j as %s", (value, text) => expect(canonicalJson(value)).toBe(text));

  it.each<Json>([
    0.5,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "\ud800",
    "a\udc00",
    { "\ud800": 1 },
    [["\udfff"]],
  ])("has no form for %j", (value) => expect(() => canonicalJson(value)).toThrow(RangeError));

  it("is JSON of the same value, whatever the order of members", () => {
    const tie = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.string({ unit: "grapheme" }),
        fc.maxSafeInteger().map((number) => number + 0),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value")),
        fc.dictionary(fc.string({ unit: "grapheme" }), tie("value"), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tie.value, (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it("agrees with a second implementation of RFC 8785", () => {
    const text = fc.string({
      unit: fc.constantFrom(
        ...'\u0000\u001f\b\n"\\/a\u007f\u0080\ud7ff\ue000\ufb33\uffff',
        "\u{10000}",
        "\u{1f600}",
      ),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
        const map = new Map(pairs);
        expect(canonicalJson(map)).toBe(naiveCanonicalJson(map));
      }),
    );
  });
});
