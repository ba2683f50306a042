// Vectors of runs: paths, the headers that must come with them, and who sends them.
import { encodeBase64 } from "../../src/index.ts";
import { digestOf } from "./hash.ts";

const A = `:${encodeBase64(digestOf(0))}:`;
const B = `:${encodeBase64(digestOf(1))}:`;

const pathsGood = [
  { text: "0", run: [0, 1] },
  { text: "7", run: [7, 8] },
  { text: "7-11", run: [7, 12] },
  { text: "0-63", run: [0, 64] },
  { text: "99999", run: [99_999, 100_000] },
  { text: "999999999", run: [999_999_999, 1_000_000_000] },
  { text: "5-5", run: [5, 6], written: "5" },
];

const pathsBad = [
  ...[
    "",
    "-",
    "-1",
    "1-",
    "01",
    "1-02",
    "+1",
    "1.0",
    "1e3",
    "0x1",
    " 1",
    "1 ",
    "1\n",
    "a",
    "1-2-3",
  ],
  ...["1,2", "2-1", "٣", "%31", "1000000000", "0-1000000000", "9".repeat(400), "1..2", "1–2"],
].map((text) => ({ text, error: "invalid_request" }));

const pathsTooLong = ["0-64", "1-65", "0-999999999"].map((text) => ({
  text,
  error: "run_too_long",
}));

const headers = [
  { parts: 1, contentDigest: `sha-256=${A}`, digests: 1 },
  { parts: 1, partDigest: `sha-256=(${A})`, digests: 1 },
  { parts: 2, partDigest: `sha-256=(${A} ${B})`, digests: 2 },
  { parts: 1, contentDigest: `sha-256=${B}`, partDigest: `sha-256=(${A})`, digests: 1 },
  { parts: 1, error: "invalid_digest" },
  { parts: 2, contentDigest: `sha-256=${A}`, error: "invalid_digest" },
  { parts: 2, partDigest: `sha-256=(${A})`, error: "invalid_digest" },
  { parts: 1, partDigest: `sha-256=(${A} ${B})`, error: "invalid_digest" },
  { parts: 1, partDigest: "sha-256=()", error: "invalid_digest" },
  { parts: 1, contentDigest: `sha-256=${A}`, partDigest: "broken=", error: "invalid_digest" },
];

const clients = [
  {
    field: "holdfast-cli/0.1.0; transfer=0123456789abcdef; attempt=1",
    transfer: "0123456789abcdef",
  },
  { field: "x/1;transfer=AZaz09_-", transfer: "AZaz09_-" },
  { field: "x/1; attempt=2; transfer=abcdefgh ; other=1", transfer: "abcdefgh" },
  { field: "x/1; transfer=short", transfer: null },
  { field: `x/1; transfer=${"a".repeat(65)}`, transfer: null },
  { field: "x/1; transfer=abcd efgh", transfer: null },
  { field: "x/1; xtransfer=abcdefgh", transfer: null },
  { field: "transfer", transfer: null },
  { field: "", transfer: null },
];

export const runs: object = {
  about:
    "paths: the end of PUT /v1/uploads/{id}/parts/.., as a half-open run; `written` is the one text for it where that differs. headers: for a run of `parts` parts, the number of digests or the error. clients: the Holdfast-Client field; it never fails.",
  paths: { good: pathsGood, bad: [...pathsBad, ...pathsTooLong] },
  headers,
  clients,
};
