// Vectors of manifests, byte for byte.
import {
  computeRoot,
  encodeBase64,
  encodeHex,
  encodeManifest,
  type Leaves,
  type Manifest,
} from "../../src/index.ts";
import { leavesOf, MIB, sha256, sha256Hex } from "./hash.ts";

const PROVENANCE = {
  createdAt: 1_700_000_000_000,
  completedAt: 1_700_000_012_345,
  protocol: "parts",
};

type Given = Partial<Pick<Manifest, "name" | "type" | "encoding" | "sha256">> & {
  readonly metadata?: readonly (readonly [string, string])[];
};

function manifestOf(leaves: Leaves, given: Given): Manifest {
  return {
    name: "video.mp4",
    type: "video/mp4",
    ...leaves,
    root: computeRoot(sha256, leaves),
    provenance: PROVENANCE,
    ...given,
    metadata: new Map(given.metadata),
  };
}

/** What goes in, as JSON that has a place for everything, and the one text that comes out with its ETag. */
function vectorOf(why: string, leaves: Leaves, given: Given = {}): object {
  const manifest = manifestOf(leaves, given);
  const { size, partSize, algorithm, name, type, encoding, provenance } = manifest;
  const text = encodeManifest(manifest);
  return {
    why,
    manifest: {
      size,
      partSize,
      algorithm,
      digests: encodeHex(manifest.digests),
      root: encodeHex(manifest.root),
      name,
      type,
      ...(encoding === undefined ? {} : { encoding }),
      ...(manifest.sha256 ? { sha256: encodeHex(manifest.sha256) } : {}),
      metadata: given.metadata ?? [],
      provenance,
    },
    text,
    etag: `"${sha256Hex(text)}"`,
  };
}

const one = leavesOf(1, 5, MIB);
const three = leavesOf(3, 2 * MIB + 1, MIB);

/** In the order of UTF-16 code units: a carriage return first, U+1F600 (d83d de00) before U+FB33. */
const HARD_KEYS: readonly (readonly [string, string])[] = [
  ["\u20ac", "Euro Sign"],
  ["\r", "Carriage Return"],
  ["\ufb33", "Hebrew Letter Dalet With Dagesh"],
  ["1", "One"],
  ["\u{1f600}", "Emoji: Grinning Face"],
  ["\u0080", "Control"],
  ["\u00f6", "Latin Small Letter O With Diaeresis"],
  ["__proto__", "only a key"],
  ["constructor", "too"],
  ["", "an empty key"],
];

const good = [
  vectorOf("no byte at all", leavesOf(0, 0, MIB), { name: "empty", type: "text/plain" }),
  vectorOf("one part", one),
  vectorOf("three parts", three),
  vectorOf("an encoding and a whole-file digest", three, {
    encoding: "zstd",
    sha256: sha256(new TextEncoder().encode("the whole")),
  }),
  vectorOf("blake3", { ...three, algorithm: "blake3" }),
  vectorOf("metadata keys that are hard to sort and to store", one, { metadata: HARD_KEYS }),
  vectorOf("metadata values that need escapes, and some that must have none", one, {
    metadata: [
      ["escaped", '\b\t\n\f\r"\\\u0000\u001f'],
      ["plain", "/\u007f\u2028\u2029\u{10ffff}\u00e9<>&'"],
      ["not normalized", "e\u0301"],
    ],
  }),
  vectorOf("a name in NFC beyond the basic plane", one, { name: "Ångström \u{1d11e} 日本.bin" }),
];

/** What a server makes of the name that a client sends. */
const names = [
  { sent: "A\u030angstro\u0308m.txt", kept: "Ångström.txt" },
  { sent: "\u212bngstr\u00f6m.txt", kept: "Ångström.txt" },
  { sent: "\u1112\u1161\u11ab.txt", kept: "한.txt" },
  { sent: "a\u0323\u0307", kept: "ạ\u0307" },
  { sent: "a\u0307\u0323", kept: "ạ\u0307" },
  { sent: "plain.txt", kept: "plain.txt" },
];

const TEXT = encodeManifest(manifestOf(three, {}));
const ROOT = encodeHex(computeRoot(sha256, three));

function spoil(why: string, from: string, to: string): { why: string; text: string } {
  if (!TEXT.includes(from)) throw new RangeError(`nothing to spoil: ${from}`);
  return { why, text: TEXT.replace(from, () => to) };
}

const lastDigest = encodeBase64(three.digests).slice(-44);

const bad = [
  { why: "empty", text: "" },
  { why: "not JSON", text: "{" },
  { why: "not an object", text: "[]" },
  { why: "null", text: "null" },
  { why: "a byte order mark", text: `\ufeff${TEXT}` },
  { why: "a line feed at the end", text: `${TEXT}\n` },
  { why: "white space", text: JSON.stringify(JSON.parse(TEXT), null, 1) },
  spoil("members out of order", '"version":1', '"aversion":1,"version":1'),
  spoil("a member twice", '"size":2097153', '"size":1,"size":2097153'),
  spoil("a number written with a fraction", '"size":2097153', '"size":2097153.0'),
  spoil("a number written with an exponent", '"partSize":1048576', '"partSize":1048576e0'),
  spoil("an escape that is not needed", '"video.mp4"', '"video\\u002emp4"'),
  spoil("half of a surrogate pair", '"video.mp4"', '"video\\ud800"'),
  spoil("another version", '"version":1', '"version":2'),
  spoil("no version", ',"version":1', ""),
  spoil("a version that is a text", '"version":1', '"version":"1"'),
  spoil("another size, the same number of parts", '"size":2097153', '"size":2097154'),
  spoil("another size, other number of parts", '"size":2097153', '"size":1'),
  spoil("a size that is negative", '"size":2097153', '"size":-1'),
  spoil("a size that is not whole", '"size":2097153', '"size":2097153.5'),
  spoil("a size above 2^53 - 1", '"size":2097153', '"size":9007199254740992'),
  spoil("another part size", '"partSize":1048576', '"partSize":1048577'),
  spoil("a part size of 0", '"partSize":1048576', '"partSize":0'),
  spoil("an unknown algorithm", '"sha-256"', '"md5"'),
  spoil("an algorithm named by a prototype", '"sha-256"', '"constructor"'),
  spoil("another algorithm", '"sha-256"', '"blake3"'),
  spoil("a digest too few", lastDigest, ""),
  spoil("a wrong digest", lastDigest, `AAAA${lastDigest.slice(4)}`),
  spoil("digests without their last character", lastDigest, lastDigest.slice(0, -1)),
  spoil("digests in another alphabet", lastDigest, `-${lastDigest.slice(1)}`),
  spoil("another root", ROOT, "0".repeat(64)),
  spoil("a root of 31 bytes", ROOT, ROOT.slice(2)),
  spoil("a root in capitals", ROOT, ROOT.toUpperCase()),
  spoil("no root", `"root":"${ROOT}",`, ""),
  spoil("a sha256 of 3 bytes", '"size":', '"sha256":"abcdef","size":'),
  spoil("a sha256 that is null", '"size":', '"sha256":null,"size":'),
  spoil("a name that is a path", '"video.mp4"', '"../video.mp4"'),
  spoil("a name not in NFC", '"video.mp4"', '"e\u0301.mp4"'),
  spoil("an empty name", '"video.mp4"', '""'),
  spoil("no name", '"name":"video.mp4",', ""),
  spoil("a type that is none", '"video/mp4"', '"video"'),
  spoil("no type", ',"type":"video/mp4"', ""),
  spoil("no metadata", '"metadata":{},', ""),
  spoil("metadata that is a list", '"metadata":{}', '"metadata":[]'),
  spoil("metadata with a number", '"metadata":{}', '"metadata":{"a":1}'),
  spoil(
    "no provenance",
    `"provenance":${JSON.stringify({ completedAt: PROVENANCE.completedAt, createdAt: PROVENANCE.createdAt, protocol: PROVENANCE.protocol })},`,
    "",
  ),
  spoil("a provenance without its protocol", ',"protocol":"parts"', ""),
  spoil("a time that is a text", '"createdAt":1700000000000', '"createdAt":"yesterday"'),
];

export const manifests: object = {
  about:
    "good: `text` is the manifest as canonical JSON (RFC 8785), UTF-8, byte for byte; `etag` is its ETag, SHA-256 of those bytes in hex; digests, root and sha256 of `manifest` in hex, metadata as pairs in any order. names: what a client sends and what stands in the manifest (Unicode NFC). bad: texts that a reader must refuse.",
  good,
  names,
  bad,
};
