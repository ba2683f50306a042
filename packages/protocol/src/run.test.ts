// Runs on the wire: every vector of paths, headers and clients.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../scripts/vectors/load.ts";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import { decodeHex } from "./hex.ts";
import {
  decodeClient,
  decodeRunDigests,
  decodeRunPath,
  encodeClient,
  encodeRunDigests,
  encodeRunPath,
} from "./run.ts";

const vectors = loadVectors<{
  paths: {
    good: { text: string; run: [number, number]; written?: string }[];
    bad: { text: string; error: string }[];
  };
  headers: {
    parts: number;
    contentDigest?: string;
    partDigest?: string;
    digests?: number;
    error?: string;
  }[];
  clients: { field: string; transfer: string | null }[];
}>("runs.json");

const encodings = loadVectors<{ encode: { digests: string[]; name: string; field: string }[] }>(
  "digests.json",
).encode;

describe("run path", () => {
  it.each(vectors.paths.good)("$text is $run", ({ text, run, written = text }) => {
    expect(decodeRunPath(text)).toEqual(run);
    expect(encodeRunPath(run)).toBe(written);
  });

  it.each(vectors.paths.bad)("$text is $error", ({ text, error }) => {
    expect(refusalOf(() => decodeRunPath(text))?.code).toBe(error);
  });

  it("comes back as it was written", () => {
    fc.assert(
      fc.property(fc.nat(999_999_000), fc.integer({ min: 1, max: 64 }), (start, size) => {
        expect(decodeRunPath(encodeRunPath([start, start + size]))).toEqual([start, start + size]);
      }),
    );
  });
});

describe("digests of a run", () => {
  it.each(vectors.headers)("$parts parts: $digests digests, or $error", (vector) => {
    const decode = () => decodeRunDigests(vector, "sha-256", vector.parts);
    expect(refusalOf(decode)?.code).toBe(vector.error);
    if (vector.digests !== undefined) expect(decode()).toHaveLength(vector.digests);
  });

  it("takes the digest of Part-Digest where both headers are there", () => {
    const both = vectors.headers.find(
      ({ contentDigest, partDigest, digests }) => contentDigest && partDigest && digests,
    );
    const [digest] = decodeRunDigests(both ?? {}, "sha-256", 1);
    expect(both?.partDigest).toContain(Buffer.from(digest ?? []).toString("base64"));
  });

  it.each(encodings)("are written into $name", ({ digests, name, field }) => {
    const bytes = digests.map((digest) => decodeHex(digest) ?? new Uint8Array(0));
    expect(encodeRunDigests("sha-256", bytes)).toEqual([name, field]);
  });
});

describe("Holdfast-Client", () => {
  it.each(vectors.clients)("$field: $transfer", ({ field, transfer }) => {
    expect(decodeClient(field)).toEqual(transfer === null ? {} : { transfer });
  });

  it("comes back as it was written", () => {
    expect(decodeClient(encodeClient("x/1", "0123456789abcdef", 3))).toEqual({
      transfer: "0123456789abcdef",
    });
    expect(decodeClient(undefined)).toEqual({});
  });

  it("never fails, in one pass", () => {
    fc.assert(fc.property(fc.string(), (field) => typeof decodeClient(field) === "object"));
    expect(decodeClient(`;${" ".repeat(300_000)}`)).toEqual({});
    expect(decodeClient(";transfer=".repeat(60_000))).toEqual({});
  });
});
