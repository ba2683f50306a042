// Metadata in a header: whatever create takes comes back, and nothing malformed is passed over.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import { decodeMetadataField, encodeMetadataField } from "./metadata-field.ts";

const field = (json: string | Uint8Array): string => `:${Buffer.from(json).toString("base64")}:`;

describe("metadata in a header", () => {
  it("is none where the header is absent", () => {
    expect(decodeMetadataField(undefined)).toEqual(new Map());
  });

  it("comes back as it went, in visible ASCII", () => {
    const entries = fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.string()), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(entries, (pairs) => {
        const metadata = new Map(pairs);
        const text = encodeMetadataField(metadata);
        expect(text).toMatch(/^:[A-Za-z0-9+/]*={0,2}:$/);
        expect(decodeMetadataField(text)).toEqual(metadata);
      }),
    );
  });

  it.each([
    ["", "holdfast-metadata"],
    ["::", "holdfast-metadata"],
    ["e30=", "holdfast-metadata"],
    [":e30:", "holdfast-metadata"],
    [":e30=:;a=1", "holdfast-metadata"],
    [field("{"), "holdfast-metadata"],
    [field(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x22, 0x22, 0x7d)), "holdfast-metadata"],
    [field("null"), "metadata"],
    [field("[]"), "metadata"],
    [field('{"a":1}'), "metadata"],
    [field('{"a":"\\ud800"}'), "metadata"],
    [field(JSON.stringify({ a: "x".repeat(16 * 1024) })), "metadata"],
  ])("is refused as %s", (text, name) => {
    const refusal = refusalOf(() => decodeMetadataField(text));
    expect(refusal).toMatchObject({ code: "invalid_request", field: name });
  });
});
