// Vectors of the header fields that carry digests.
import { encodeBase64, encodeHex } from "../../src/index.ts";
import { digestOf } from "./hash.ts";

const base64 = (index: number): string => encodeBase64(digestOf(index));
const hex = (index: number): string => encodeHex(digestOf(index));
const A = base64(0);
const B = base64(1);
const OTHER = "sha-512=:AAAA:";

const contentGood = [
  { field: `sha-256=:${A}:`, digest: hex(0) },
  { field: `  sha-256=:${A}:  `, digest: hex(0) },
  { field: `${OTHER}, sha-256=:${A}:`, digest: hex(0) },
  { field: `${OTHER} \t,\t sha-256=:${A}:`, digest: hex(0) },
  { field: `sha-256=:${B}:, sha-256=:${A}:`, digest: hex(0), why: "the last one of a name counts" },
  { field: `sha-256=:${A}:;checked;by="a;b,c\\"";n=-1.5`, digest: hex(0), why: "parameters" },
  {
    field: `flag, x=?0, t=a/b:c, n=12, d=@1659578233, s="a,b", u=%"%c3%bc", l=(1 "x" :AA==:);q, sha-256=:${A}:`,
    digest: hex(0),
    why: "members of every other type",
  },
  {
    field: `sha-256=:${A.slice(0, -1)}:`,
    digest: hex(0),
    why: "RFC 9651 asks readers to take it without padding",
  },
];

const contentBad = [
  { field: "", why: "empty" },
  { field: "sha-256", why: "a name without a value is a boolean" },
  { field: "sha-256=", why: "no value" },
  { field: "sha-256=::", why: "no bytes" },
  { field: `sha-256=${A}`, why: "no colons" },
  { field: `sha-256=:${A}`, why: "no second colon" },
  { field: `sha-256:${A}:`, why: "no equals sign" },
  { field: `SHA-256=:${A}:`, why: "names are lower case" },
  { field: `\tsha-256=:${A}:`, why: "a tab before the first name" },
  { field: `sha-256=:${A}:,`, why: "a comma at the end" },
  { field: `,sha-256=:${A}:`, why: "a comma before the first name" },
  { field: `sha-256=:${A}: ${OTHER}`, why: "no comma" },
  { field: `sha-256 =:${A}:`, why: "a space before the equals sign" },
  { field: `sha-256= :${A}:`, why: "a space after the equals sign" },
  { field: `sha-256=:${A.slice(4)}:`, why: "29 bytes" },
  { field: `sha-256=:AAAA${A}:`, why: "35 bytes" },
  { field: `sha-256=:${A.slice(0, -2)}-=:`, why: "another alphabet" },
  { field: `sha-256=:${A}=:`, why: "too much padding" },
  { field: `sha-256=:${A.slice(0, 20)} ${A.slice(20)}:`, why: "a space within" },
  { field: `sha-256=:${hex(0)}:`, why: "hexadecimal: valid base64 of 48 bytes" },
  { field: `sha-256="${A}"`, why: "a string" },
  { field: `sha-256=(:${A}:)`, why: "a list where one item belongs" },
  { field: OTHER, why: "only another algorithm" },
  { field: `sha-256=:${A}:, broken=`, why: "broken in another member" },
  { field: `sha-256=:${A}:, s="open`, why: "a string that does not end" },
  { field: `sha-256=:${A}:;=1`, why: "a parameter without a name" },
  { field: `sha-256=:${A}:, n=1.`, why: "a number that ends with its point" },
  { field: `sha-256=:${A}:, n=1234567890123456`, why: "an integer of 16 digits" },
  { field: `sha-256=:${A}:\u00e4`, why: "not ASCII" },
];

const partGood = [
  { field: `sha-256=(:${A}:)`, digests: [hex(0)] },
  { field: `sha-256=(:${A}: :${B}:)`, digests: [hex(0), hex(1)] },
  { field: `sha-256=(  :${A}:   :${B}:  )`, digests: [hex(0), hex(1)], why: "spaces" },
  { field: `sha-256=(:${A}:;x :${B}:;y=2);z`, digests: [hex(0), hex(1)], why: "parameters" },
  { field: `crc32c=(:AAAAAA==:), sha-256=(:${A}:)`, digests: [hex(0)] },
  { field: "sha-256=()", digests: [], why: "well formed, but fits no run" },
];

const partBad = [
  { field: "", why: "empty" },
  { field: `sha-256=:${A}:`, why: "one item where a list belongs" },
  { field: `sha-256=(:${A}:`, why: "no closing parenthesis" },
  { field: `sha-256=:${A}:)`, why: "no opening parenthesis" },
  { field: `sha-256=(:${A}::${B}:)`, why: "no space between" },
  { field: `sha-256=(:${A}:, :${B}:)`, why: "a comma between" },
  { field: `sha-256=(:${A}:\t:${B}:)`, why: "a tab between" },
  { field: `sha-256=(:${A}: x)`, why: "a token among them" },
  { field: `sha-256=(:${A}: :AAAA:)`, why: "a digest of 3 bytes" },
  { field: `sha-256=((:${A}:))`, why: "a list in a list" },
  { field: `blake3=(:${A}:)`, why: "only another algorithm" },
  { field: `sha-256=(${Array.from({ length: 65 }, () => `:${A}:`).join(" ")})`, why: "65 digests" },
];

export const digests: object = {
  about:
    "Content-Digest (RFC 9530) and Part-Digest fields, read for sha-256; digests in hex. Every bad field is invalid_digest.",
  contentDigest: { good: contentGood, bad: contentBad },
  partDigest: { good: partGood, bad: partBad },
  encode: [
    { digests: [hex(0)], name: "content-digest", field: `sha-256=:${A}:` },
    { digests: [hex(0), hex(1)], name: "part-digest", field: `sha-256=(:${A}: :${B}:)` },
  ],
};
