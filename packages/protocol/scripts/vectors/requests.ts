// Vectors of what creates and completes an upload. Bodies are JSON texts, since JSON values cannot show everything that a body may hold.
import { encodeHex } from "../../src/index.ts";
import { digestOf } from "./hash.ts";

const base = { metadata: [], type: "application/octet-stream", digest: "sha-256" };

const createGood = [
  { body: '{"name":"a","size":0}', request: { ...base, name: "a", size: 0 } },
  {
    body: '{"name":"a","size":9007199254740991}',
    request: { ...base, name: "a", size: 9007199254740991 },
  },
  {
    body: '{"digest":"sha-256","metadata":{"k":"v"},"name":"v.mp4","partSize":262144,"size":1,"transfer":"server","type":"video/mp4"}',
    request: {
      name: "v.mp4",
      size: 1,
      type: "video/mp4",
      metadata: [["k", "v"]],
      partSize: 262144,
      digest: "sha-256",
    },
  },
  {
    body: '{"name":"a","size":1,"metadata":{"__proto__":"p","constructor":"c","":"e"}}',
    request: {
      ...base,
      name: "a",
      size: 1,
      metadata: [
        ["__proto__", "p"],
        ["constructor", "c"],
        ["", "e"],
      ],
    },
  },
  { body: '{"name":"e\\u0301","size":1}', request: { ...base, name: "é", size: 1 }, why: "NFC" },
  {
    body: JSON.stringify({ name: "\u200fא\u200e\u061c.txt", size: 1 }),
    request: { ...base, name: "\u200fא\u200e\u061c.txt", size: 1 },
    why: "marks of direction, which names of some languages have (ADR 0016)",
  },
  {
    body: '{"name":" a b.txt ","size":1,"unknown":[1]}',
    request: { ...base, name: " a b.txt ", size: 1 },
    why: "members that nobody knows are passed over",
  },
  {
    body: JSON.stringify({ name: "é".repeat(127), size: 1 }),
    request: { ...base, name: "é".repeat(127), size: 1 },
    why: "254 bytes",
  },
  {
    body: JSON.stringify({ name: "e\u0301".repeat(127), size: 1 }),
    request: { ...base, name: "é".repeat(127), size: 1 },
    why: "381 bytes that are 254 in NFC",
  },
  {
    body: '{"name":"a","size":1,"type":"text/plain; charset=utf-8; x=\\"a;b\\""}',
    request: { ...base, name: "a", size: 1, type: 'text/plain; charset=utf-8; x="a;b"' },
  },
];

const SHA256 = encodeHex(digestOf(1));

const proved = [
  {
    body: `{"name":"a","sha256":"${SHA256}","size":1,"verify":"readback"}`,
    request: { ...base, name: "a", size: 1, sha256: SHA256, verify: "readback" },
  },
  {
    body: '{"live":true,"name":"a","size":1}',
    request: { ...base, name: "a", size: 1, live: true },
  },
  {
    body: '{"digest":"blake3","name":"a","size":1}',
    request: { ...base, name: "a", size: 1, digest: "blake3" },
  },
  { body: '{"name":"a","size":1,"verify":"parts"}', request: { ...base, name: "a", size: 1 } },
];

const unknownSizes = [
  { body: '{"name":"a"}', request: { ...base, name: "a" }, why: "its size is fixed later" },
  { body: '{"name":"a","maxSize":5}', request: { ...base, name: "a", maxSize: 5 } },
];

const badSizes = [
  ..."-1,0.5,1e-1,9007199254740992,1e300,-0.5,null,true,[],{}".split(","),
  '"1"',
].map((size) => ({ body: `{"name":"a","size":${size}}`, field: "size" }));

const badNames = [
  ...[
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "../a",
    "/",
    "a\u0000",
    "a\nb",
    "\u001b[2J",
    "a\u007f",
    "a\u0085",
    "a\u2028b",
    "a\u2029b",
  ],
  ...["a\u202egpj.exe", "\u2066a", "a".repeat(256), "a".repeat(10_000), "é".repeat(128)],
  ...["\u{1f600}".repeat(64), "\ud800", "a\udc00b", "\u0301".repeat(2_000)],
].map((name) => ({ body: JSON.stringify({ name, size: 1 }), field: "name" }));

const badTypes = [
  "",
  "video",
  "video/",
  "/mp4",
  "a/b\r\nX: y",
  "a/b;",
  "a/b; c",
  "a/ b",
  "ä/b",
  `a/${"b".repeat(254)}`,
].map((type) => ({ body: JSON.stringify({ name: "a", size: 1, type }), field: "type" }));

const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, ""]));

const badMetadata = [
  ...["null", "[]", '"a"', "7", '{"a":1}', '{"a":null}', '{"a":{"b":"c"}}', '{"a":"\\ud800"}'],
  ...['{"\\udfff":"a"}', JSON.stringify(many), JSON.stringify({ a: "x".repeat(16 * 1024) })],
].map((metadata) => ({ body: `{"name":"a","size":1,"metadata":${metadata}}`, field: "metadata" }));

const createBad = [
  ...["null", "[]", "7", '"a"', "true"].map((body) => ({ body, field: "body" })),
  { body: '{"size":1}', field: "name" },
  { body: '{"name":7,"size":1}', field: "name" },
  { body: '{"name":"a","size":5,"maxSize":5}', field: "maxSize" },
  { body: '{"name":"a","maxSize":-1}', field: "maxSize" },
  { body: '{"name":"a","maxSize":"5"}', field: "maxSize" },
  ...badSizes,
  ...badNames,
  ...badTypes,
  ...badMetadata,
  { body: '{"name":"a","size":1,"partSize":-1}', field: "partSize" },
  { body: '{"name":"a","size":1,"partSize":null}', field: "partSize" },
  { body: '{"name":"a","size":1,"partSize":"1048576"}', field: "partSize" },
  { body: '{"name":"a","size":1,"digest":"md5"}', field: "digest" },
  { body: '{"name":"a","size":1,"digest":["sha-256"]}', field: "digest" },
  { body: '{"name":"a","size":1,"transfer":"pigeon"}', field: "transfer" },
  { body: '{"name":"a","size":1,"sha256":"00"}', field: "sha256" },
  { body: '{"name":"a","size":1,"sha256":7}', field: "sha256" },
  { body: '{"name":"a","size":1,"verify":"twice"}', field: "verify" },
  { body: '{"name":"a","size":1,"live":"yes"}', field: "live" },
];

const ROOT = encodeHex(digestOf(0));

const completeGood = [
  { body: "{}", request: {} },
  { body: '{"size":5}', request: { size: 5 } },
  { body: `{"root":"${ROOT}"}`, request: { root: ROOT } },
  { body: `{"sha256":"${ROOT}"}`, request: { sha256: ROOT } },
  { body: `{"root":"${ROOT}","size":0,"unknown":1}`, request: { size: 0, root: ROOT } },
];

const completeBad = [
  ...["null", "[]", "7", '"{}"'].map((body) => ({ body, field: "body" })),
  { body: '{"size":-1}', field: "size" },
  { body: '{"size":"5"}', field: "size" },
  { body: '{"root":""}', field: "root" },
  { body: '{"root":7}', field: "root" },
  { body: `{"root":"${ROOT.toUpperCase()}"}`, field: "root" },
  { body: `{"root":"${ROOT.slice(2)}"}`, field: "root" },
  { body: `{"root":"${ROOT}00"}`, field: "root" },
  { body: `{"root":"g${ROOT.slice(1)}"}`, field: "root" },
  { body: `{"sha256":"${ROOT}00"}`, field: "sha256" },
];

export const requests: object = {
  about:
    "Bodies of create and complete as JSON text, with what they ask for (metadata as pairs), or the field that invalid_request must name. Limits of the storage are in grid.json.",
  create: { good: [...createGood, ...proved, ...unknownSizes], bad: createBad },
  complete: { good: completeGood, bad: completeBad },
};
