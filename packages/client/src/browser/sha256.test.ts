// SHA-256 in plain JavaScript says what OpenSSL says, in whatever pieces the bytes come.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSha256, sha256 } from "./sha256.ts";

const expected = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

test("of every size around the borders of blocks", () => {
  for (let size = 0; size < 260; size++) {
    const bytes = Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) & 255);
    expect(sha256(bytes)).toEqual(expected(bytes));
  }
});

test("in pieces, also of a view into other memory", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (pieces) => {
      const hasher = createSha256();
      for (const piece of pieces) {
        const wider = new Uint8Array(piece.length + 7);
        wider.set(piece, 3);
        hasher.update(wider.subarray(3, 3 + piece.length));
      }
      expect(hasher.digest()).toEqual(expected(Buffer.concat(pieces)));
    }),
  );
});
