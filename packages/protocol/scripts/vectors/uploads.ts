// Vectors of an upload's status.
import { encodeBase64, encodeHex } from "../../src/index.ts";
import { digestOf, digestsOf, MIB } from "./hash.ts";

const open = {
  id: "aaaqeayeaudaocajbifqydiob4",
  state: "open",
  name: "video.mp4",
  type: "video/mp4",
  size: 3 * MIB + 5,
  partSize: MIB,
  digest: "sha-256",
  offset: 2 * MIB,
  runPartsMax: 64,
  createdAt: 1_700_000_000_000,
  expiresAt: 1_700_086_400_000,
  metadata: { k: "v" },
  partCount: 4,
  committed: {
    count: 3,
    ranges: [
      [0, 2],
      [3, 4],
    ],
  },
};

const complete = {
  ...open,
  state: "complete",
  offset: open.size,
  committed: { count: 4, ranges: [[0, 4]] },
  file: {
    id: "qaaaaaaaaaaaaaaaaaaaaaaaaa",
    url: "/v1/files/qaaaaaaaaaaaaaaaaaaaaaaaaa",
    size: open.size,
    root: encodeHex(digestOf(9)),
  },
};

const empty = {
  ...open,
  size: 0,
  offset: 0,
  partCount: 0,
  committed: { count: 0, ranges: [] },
  metadata: {},
};

const { size: _, ...unsized } = { ...open, maxSize: open.size };

const good = [
  open,
  complete,
  empty,
  unsized,
  { ...open, committed: { count: 3, bitmap: "Cw==" } },
  { ...open, error: { code: "root_mismatch", detail: "the root differs" } },
  { ...open, state: "failed", error: { code: "storage_failed", detail: "the bytes are gone" } },
  ...["completing", "aborted", "expired"].map((state) => ({ ...open, state })),
  { ...open, digests: encodeBase64(digestsOf(4)) },
];

function without(member: string): object {
  return Object.fromEntries(Object.entries(open).filter(([name]) => name !== member));
}

const OPTIONAL = new Set(["metadata", "type"]);

const bad = [
  ...Object.keys(open)
    .filter((member) => !OPTIONAL.has(member))
    .map((member) => ({ upload: without(member), why: `no ${member}` })),
  { upload: null, why: "null" },
  { upload: [open], why: "a list" },
  { upload: "captive portal", why: "a text" },
  { upload: { ...open, id: "../x" }, why: "a malformed id" },
  { upload: { ...open, state: "assembled" }, why: "an unknown state" },
  { upload: { ...open, digest: "md5" }, why: "an unknown algorithm" },
  { upload: { ...open, size: -1 }, why: "a negative size" },
  { upload: { ...unsized, maxSize: -1 }, why: "a negative maxSize" },
  { upload: { ...open, maxSize: open.size }, why: "a size beside a maxSize" },
  { upload: { ...open, partSize: 0 }, why: "a part size of 0" },
  { upload: { ...open, partCount: 5 }, why: "a count of parts that the grid has not" },
  { upload: { ...open, size: 2 ** 52, partSize: 1, partCount: 2 ** 52 }, why: "too many parts" },
  { upload: { ...open, offset: open.size + 1 }, why: "an offset beyond the size" },
  { upload: { ...open, runPartsMax: 0 }, why: "runs of no part" },
  { upload: { ...open, committed: { count: 5, ranges: [[0, 5]] } }, why: "parts beyond the grid" },
  { upload: { ...open, digests: "AAAA" }, why: "digests of 3 bytes" },
  { upload: { ...open, digests: "?" }, why: "digests that are not base64" },
  { upload: { ...open, name: "a/b" }, why: "a name that is a path" },
  { upload: { ...open, error: "x" }, why: "an error that is a text" },
  { upload: { ...complete, file: { ...complete.file, id: "x" } }, why: "a malformed id of a file" },
  { upload: { ...complete, file: { ...complete.file, root: "00" } }, why: "a root of one byte" },
  ...["http://elsewhere/x", "//elsewhere/x", "/\\elsewhere/x", "x", "", "/a b"].map((url) => ({
    upload: { ...complete, file: { ...complete.file, url } },
    why: "an address that is no path on the same server",
  })),
];

export const uploads: object = {
  about:
    "good: status documents as the server writes them (the order of members means nothing). bad: what a client must not believe.",
  good: good.map((upload) => ({ upload })),
  bad,
};
