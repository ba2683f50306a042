// tus 1.0: checksum and checksum-trailer.
import { createHash } from "node:crypto";
import type { Field } from "../message.ts";
import type { Row, Sending } from "../row.ts";
import { ask, header, lists, looks, rowsOf, status } from "../write.ts";
import { appended, head, offsetIs, patch, stays, TEXT, TYPE, upload, VERSION } from "./requests.ts";

const row = rowsOf("tus 1.0.0", ["creation", "checksum"]);

function checksum(algorithm: string, text: string): Field {
  return ["Upload-Checksum", `${algorithm} ${createHash(algorithm).update(text).digest("base64")}`];
}

const RIGHT = checksum("sha1", TEXT);
const WRONG = checksum("sha1", "hello World");

/** CRC-32C of TEXT, most significant byte first. */
const CRC32C: Field = [
  "Upload-Checksum",
  `crc32c ${Buffer.from("c99465aa", "hex").toString("base64")}`,
];

function trailing(field: Field): Sending {
  return { kind: "chunked", trailers: [field] };
}

const IN_FRONT: readonly Row[] = [
  row("K1a", "MUST", "Checksum", "bytes with their sha1 are taken", [
    upload("a", 11),
    patch("a", 0, TEXT, [status(204), offsetIs(11)], { fields: [RIGHT] }),
  ]),
  row("K1b", "SHOULD", "Checksum", "bytes with a wrong sha1 are 460", [
    upload("a", 11),
    patch("a", 0, TEXT, [status(460)], { fields: [WRONG] }),
  ]),
  row(
    "K1c",
    "MUST",
    "Checksum",
    "bytes with a wrong checksum are discarded: the offset stays, the right ones are taken",
    [
      upload("a", 11),
      appended("a", 0, "hello"),
      patch("a", 5, " World", [status(400, 460)], { fields: [checksum("sha1", " world")] }),
      stays("a", 5),
      patch("a", 5, " world", [status(204), offsetIs(11)], {
        fields: [checksum("sha1", " world")],
      }),
    ],
  ),
  row("K1d", "MUST", "Checksum", "an algorithm that is not supported is 400, nothing is appended", [
    upload("a", 11),
    patch("a", 0, TEXT, [status(400)], { fields: [["Upload-Checksum", "rot13 aGVsbG8="]] }),
    stays("a", 0),
  ]),
  row("K1e", "MUST", "Checksum", "a request with a checksum that is cut counts for nothing", [
    upload("a", 11),
    patch("a", 0, "hello", [], { fields: [RIGHT], sending: { kind: "cut", size: 11 } }),
    head("a", [status(200, 204), offsetIs(0)], { withinMs: 10_000 }),
    patch("a", 0, TEXT, [status(204), offsetIs(11)], { fields: [RIGHT], withinMs: 10_000 }),
  ]),
  row(
    "K1f",
    "CUSTOM",
    "Creation With Upload",
    "a checksum holds for bytes of a POST, too",
    [
      ask("POST", "{here}", [VERSION, ["Upload-Length", "11"], TYPE, WRONG], [status(460)], {
        body: TEXT,
      }),
      ask(
        "POST",
        "{here}",
        [VERSION, ["Upload-Length", "11"], TYPE, RIGHT],
        [status(201), offsetIs(11)],
        { body: TEXT },
      ),
    ],
    ["creation-with-upload"],
  ),
  row("K2a", "MUST", "Checksum", "OPTIONS has Tus-Checksum-Algorithm with sha1 in it", [
    ask("OPTIONS", "{here}", [], [header("Tus-Checksum-Algorithm", lists("sha1"))]),
  ]),
  row("K2b", "MUST", "Checksum", "names of algorithms are ASCII without upper case", [
    ask(
      "OPTIONS",
      "{here}",
      [],
      [
        header(
          "Tus-Checksum-Algorithm",
          looks(/^[!-+\--@[-~]+(\s*,\s*[!-+\--@[-~]+)*$/, "such names"),
        ),
      ],
    ),
  ]),
  row("K2c", "CUSTOM", "Upload-Checksum", "what is no checksum is 400, nothing is appended", [
    upload("a", 11),
    ...["sha1", "sha1 ", "sha1 *", "sha1 aGVsbG8=", "sha1Kq5sNclPz7QV2+lfQIuc6R7oRu0="].map(
      (value) => patch("a", 0, TEXT, [status(400)], { fields: [["Upload-Checksum", value]] }),
    ),
    stays("a", 0),
  ]),
  row(
    "K2d",
    "MUST",
    "Checksum",
    "sha256 is verified where it is announced",
    [
      upload("a", 11),
      patch("a", 0, TEXT, [status(400, 460)], { fields: [checksum("sha256", "hello World")] }),
      patch("a", 0, TEXT, [status(204), offsetIs(11)], { fields: [checksum("sha256", TEXT)] }),
    ],
    ["checksum:sha256"],
  ),
  row(
    "K2e",
    "MUST",
    "Checksum",
    "md5 is verified where it is announced",
    [
      upload("a", 11),
      patch("a", 0, TEXT, [status(400, 460)], { fields: [checksum("md5", "hello World")] }),
      patch("a", 0, TEXT, [status(204), offsetIs(11)], { fields: [checksum("md5", TEXT)] }),
    ],
    ["checksum:md5"],
  ),
  row(
    "K2f",
    "MUST",
    "Checksum",
    "crc32c is verified where it is announced, high byte first",
    [
      upload("a", 11),
      patch("a", 0, "hello World", [status(400, 460)], { fields: [CRC32C] }),
      patch("a", 0, TEXT, [status(204), offsetIs(11)], { fields: [CRC32C] }),
    ],
    ["checksum:crc32c"],
  ),
];

const BEHIND: readonly Row[] = [
  row(
    "K3a",
    "MUST",
    "Checksum",
    "a right checksum may come as a trailer",
    [
      upload("a", 11),
      patch("a", 0, TEXT, [status(204), offsetIs(11)], { sending: trailing(RIGHT) }),
    ],
    ["checksum-trailer"],
  ),
  row(
    "K3b",
    "MUST",
    "Checksum",
    "a wrong checksum in a trailer discards the bytes as well",
    [
      upload("a", 11),
      patch("a", 0, TEXT, [status(400, 460)], { sending: trailing(WRONG) }),
      stays("a", 0),
    ],
    ["checksum-trailer"],
  ),
  row(
    "K3d",
    "CUSTOM",
    "Checksum",
    "a checksum that is announced as a trailer and does not come is 400, and discards the bytes",
    [
      upload("a", 11),
      patch("a", 0, TEXT, [status(400)], {
        fields: [["Trailer", "Upload-Checksum"]],
        sending: { kind: "chunked", trailers: [] },
      }),
      stays("a", 0),
    ],
    ["checksum-trailer"],
  ),
  row(
    "K3c",
    "MUST",
    "Checksum",
    "an unknown algorithm in a trailer is 400, and discards the bytes",
    [
      upload("a", 11),
      patch("a", 0, TEXT, [status(400)], {
        sending: trailing(["Upload-Checksum", "rot13 aGVsbG8="]),
      }),
      stays("a", 0),
    ],
    ["checksum-trailer"],
  ),
];

export const CHECKSUM: readonly Row[] = [...IN_FRONT, ...BEHIND];
