// The error table and problem documents: every row and every vector.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import {
  ERRORS,
  type ErrorCode,
  errorRow,
  HoldfastError,
  isErrorCode,
  isHoldfastError,
  toHoldfastError,
} from "./errors.ts";
import { decodeProblem, encodeProblem } from "./problem.ts";

const vectors = loadVectors<{
  encode: {
    code: ErrorCode;
    detail: string | null;
    details: Record<string, unknown>;
    document: object;
  }[];
  decode: { body: string; code: string | null; details?: object }[];
}>("problems.json");

const table = loadVectors<{
  errors: { code: string; status: number; retry: string; title: string; hint: string }[];
}>("errors.json").errors;

const codes = Object.keys(ERRORS).filter(isErrorCode);

describe("error table", () => {
  it("is the one in errors.json", () => {
    expect(Object.fromEntries(table.map(({ code, ...row }) => [code, row]))).toEqual(ERRORS);
  });

  it.each(codes)("%s has a status that fits, a title, and a hint that is a sentence", (code) => {
    const row = errorRow(code);
    expect(row.status === 0 || (row.status >= 400 && row.status <= 599)).toBe(true);
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(row.title).toMatch(/^[A-Z].*[^.]$/);
    expect(row.hint).toMatch(/^[A-Z`].*\.$/);
  });

  it("has no other codes, whatever an object inherits", () => {
    expect(
      [...["nope", "constructor", "__proto__", "toString", ""], 7, null].some(isErrorCode),
    ).toBe(false);
  });
});

describe("HoldfastError", () => {
  it("has the title as its message where it gets none, and no cause where there is none", () => {
    const error = new HoldfastError("storage_full");
    expect(error.message).toBe(ERRORS.storage_full.title);
    expect("cause" in error).toBe(false);
    expect(new HoldfastError("internal", "x", {}, 7).cause).toBe(7);
  });

  it("takes anything that is thrown, ours as it is", () => {
    const ours = new HoldfastError("part_busy");
    expect(toHoldfastError(ours)).toBe(ours);
    const cause = new Error("secret");
    expect(toHoldfastError(cause)).toMatchObject({ code: "internal", cause });
    expect(toHoldfastError(cause).message).not.toContain("secret");
    expect(isHoldfastError({ code: "internal" })).toBe(false);
  });
});

describe("problem document", () => {
  it.each(vectors.encode)("of $code", ({ code, detail, details, document }) => {
    const error = new HoldfastError(code, detail ?? undefined, details);
    expect(encodeProblem(error)).toEqual(document);
  });

  it.each(vectors.decode)("$body is $code", ({ body, code, details }) => {
    const error = decodeProblem(JSON.parse(body));
    expect(error?.code ?? null).toBe(code);
    if (details) expect(error?.details).toEqual(details);
  });

  it.each(codes.filter((code) => errorRow(code).status !== 0))("%s comes back", (code) => {
    const error = new HoldfastError(code, "why", { index: 7, __proto__: null });
    const back = decodeProblem(JSON.parse(JSON.stringify(encodeProblem(error))));
    expect(back).toMatchObject({ code, message: "why", details: { index: 7 } });
  });

  it.each(codes.filter((code) => errorRow(code).status === 0))(
    "%s never crosses the wire: it is internal there, and tells nothing",
    (code) => {
      const document = encodeProblem(new HoldfastError(code, "a path", { path: "/x" }));
      expect(document).toEqual(encodeProblem(new HoldfastError("internal")));
      expect(decodeProblem({ code })).toBeUndefined();
    },
  );

  it("is read without an exception from anything", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...codes), (value, code) => {
        decodeProblem(value);
        decodeProblem(typeof value === "object" ? { ...value, code } : value);
      }),
    );
  });

  it("keeps a member named __proto__ as a member", () => {
    const error = decodeProblem(JSON.parse('{"code":"internal","__proto__":{"index":1}}'));
    expect(Object.hasOwn(error?.details ?? {}, "__proto__")).toBe(true);
    expect(error?.details["index"]).toBeUndefined();
  });
});
