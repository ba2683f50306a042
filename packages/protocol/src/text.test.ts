// Names, types and metadata: what is kept, what is refused.
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import {
  checkMetadata,
  checkName,
  checkType,
  cleanName,
  isWellFormed,
  METADATA_BYTES_MAX,
  NAME_BYTES_MAX,
} from "./text.ts";

const { names } = loadVectors<{ names: { sent: string; kept: string }[] }>("manifests.json");

describe("checkName", () => {
  it.each(names)("keeps $sent as $kept", ({ sent, kept }) => {
    expect(checkName(sent)).toBe(kept);
  });

  it("gives a name that is safe, short, NFC, and its own result; or says no", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        let name: string | undefined;
        const refusal = refusalOf(() => {
          name = checkName(text);
        });
        expect(refusal?.code).toBe(name === undefined ? "invalid_request" : undefined);
        if (name === undefined) return;
        expect(name).toBe(text.normalize("NFC"));
        expect(name).not.toMatch(/[/\\\p{Cc}\p{Zl}\p{Zp}]/u);
        // Nothing was to be cleaned.
        expect(cleanName(text)).toBe(name);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(NAME_BYTES_MAX);
        expect(checkName(name)).toBe(name);
      }),
    );
  });

  it("takes what was cleaned, whatever it was, and loses nothing else of it", () => {
    const letters = ["a", ".", "é", "e\u0301", "漢", "🎈", "א", "\u200e", "\u061c"];
    const unsafe = ["\u2028", "\u2029", "\u202e", "\u2066", "/", "\\", "\n"];
    const unit = fc.constantFrom(...letters, ...unsafe);
    fc.assert(
      fc.property(fc.string({ unit, minLength: 1, maxLength: 40 }), (text) => {
        const clean = cleanName(`x${text}`);
        expect(checkName(clean)).toBe(clean);
        expect([...clean].length).toBe([...`x${text}`.normalize("NFC")].length);
      }),
    );
    expect(cleanName("a\u2028b\u2029c\u202ed/e")).toBe("a_b_c_d_e");
    expect(cleanName("\u200fא\u200e\u061c")).toBe("\u200fא\u200e\u061c");
  });

  it("refuses no form of a name of 255 bytes for its number of code units", () => {
    // U+0390 has the longest decomposition for its size: 3 code units for 2 bytes.
    const name = "\u0390".repeat(127);
    expect(checkName(name.normalize("NFD"))).toBe(name);
  });

  it("refuses endless marks before it normalizes: sorting them takes quadratic time", () => {
    const normalize = vi.spyOn(String.prototype, "normalize");
    const refusal = refusalOf(() => checkName(`a${"\u0301\u0323".repeat(1000)}`));
    const calls = normalize.mock.calls.length;
    normalize.mockRestore();
    expect(refusal?.field).toBe("name");
    expect(calls).toBe(0);
  });
});

describe("checkType", () => {
  it.each([
    "a/b",
    "application/vnd.a.b+json",
    "text/plain;charset=utf-8",
    'a/b ; c="d e" ; f=g',
    "a/b; x*=UTF-8''%41",
  ])("takes %s", (type) => expect(checkType(type)).toBe(type));

  it("is bytes where there is none", () => {
    expect(checkType(undefined)).toBe("application/octet-stream");
  });

  it.each([
    null,
    7,
    "",
    "a",
    "a/b;c",
    'a/b; c="',
    'a/b; c="\u0001"',
    "a/b\n",
    "a/b\r\nX: y",
    "a b/c",
    "*/*;q",
  ])("refuses %j", (type) => expect(refusalOf(() => checkType(type))?.field).toBe("type"));
});

describe("checkMetadata", () => {
  it("keeps every key and value as it came", () => {
    const texts = fc.string({ unit: "grapheme", maxLength: 20 });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(texts, texts), { selector: ([key]) => key, maxLength: 64 }),
        (pairs) => {
          const metadata = checkMetadata(Object.fromEntries(pairs));
          expect(new Map(metadata)).toEqual(new Map(pairs));
        },
      ),
    );
  });

  it("counts bytes, not characters", () => {
    const fits = "é".repeat(METADATA_BYTES_MAX / 2 - 1);
    expect(checkMetadata({ ab: fits }).get("ab")).toBe(fits);
    expect(refusalOf(() => checkMetadata({ abc: fits }))?.field).toBe("metadata");
  });

  it("is empty where there is none", () => {
    expect(checkMetadata(undefined).size).toBe(0);
  });
});

describe("isWellFormed", () => {
  it("agrees with the platform", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "\ud83d", "\ude00", "\ud800", "\udfff") });
    fc.assert(
      fc.property(text, (value) => {
        expect(isWellFormed(value)).toBe(Buffer.from(value).toString() === value);
      }),
    );
  });
});
