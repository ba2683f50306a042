// tus 1.0: creation-with-upload.
import type { Row } from "../row.ts";
import { ask, header, lists, refused, rowsOf, status } from "../write.ts";
import { head, offsetIs, patch, stays, TEXT, TYPE, VERSION } from "./requests.ts";

const row = rowsOf("tus 1.0.0", ["creation"]);

const DEFER = ["creation-defer-length"];

const WITH_UPLOAD = ["creation-with-upload"];

export const WITH_FIRST_BYTES: readonly Row[] = [
  row(
    "N6a",
    "MUST",
    "Creation With Upload",
    "a POST with the first bytes is 201 with Upload-Offset",
    [
      ask(
        "POST",
        "{here}",
        [VERSION, ["Upload-Length", "11"], TYPE],
        [status(201), header("Location"), offsetIs(5)],
        { body: "hello", save: "a" },
      ),
      patch("a", 5, " world", [status(204), offsetIs(11)]),
    ],
    WITH_UPLOAD,
  ),
  row(
    "N6b",
    "MUST",
    "Creation With Upload",
    "a POST with all of the bytes is 201 with Upload-Offset",
    [
      ask(
        "POST",
        "{here}",
        [VERSION, ["Upload-Length", "11"], TYPE],
        [status(201), header("Location"), offsetIs(11)],
        { body: TEXT, save: "a" },
      ),
      head("a", [offsetIs(11), header("Upload-Length", "11")]),
    ],
    WITH_UPLOAD,
  ),
  row(
    "N6c",
    "MUST",
    "Creation With Upload, and RFC 9110, 10.1.1",
    "100 Continue comes to who expects it",
    [
      ask("POST", "{here}", [VERSION, ["Upload-Length", "11"], TYPE], [status(201), offsetIs(11)], {
        body: TEXT,
        sending: { kind: "continue" },
      }),
    ],
    WITH_UPLOAD,
  ),
  row(
    "N6d",
    "MUST",
    "Creation With Upload",
    "creation-with-upload is announced with creation only",
    [ask("OPTIONS", "{here}", [], [header("Tus-Extension", lists("creation"))])],
    WITH_UPLOAD,
  ),
  row(
    "N6e",
    "MUST",
    "Creation With Upload",
    "the first bytes may come with a size that is told later",
    [
      ask(
        "POST",
        "{here}",
        [VERSION, ["Upload-Defer-Length", "1"], TYPE],
        [status(201), header("Location"), offsetIs(5)],
        { body: "hello", save: "a" },
      ),
      head("a", [offsetIs(5), header("Upload-Defer-Length", "1")]),
    ],
    [...WITH_UPLOAD, ...DEFER],
  ),
  row(
    "N6f",
    "CUSTOM",
    "Creation With Upload",
    "more bytes than the upload has are refused",
    [ask("POST", "{here}", [VERSION, ["Upload-Length", "5"], TYPE], [refused], { body: TEXT })],
    WITH_UPLOAD,
  ),
  row(
    "N6h",
    "CUSTOM",
    "Creation With Upload",
    "the body of a POST of another Content-Type is none of the upload's",
    [
      ask(
        "POST",
        "{here}",
        [VERSION, ["Upload-Length", "11"], ["Content-Type", "text/plain"]],
        [status(201), header("Location")],
        { body: "hello", save: "a" },
      ),
      stays("a", 0),
    ],
    WITH_UPLOAD,
  ),
  row(
    "N6i",
    "CUSTOM",
    "Creation With Upload",
    "who is refused the first bytes is told where the upload is",
    [
      ask(
        "POST",
        "{here}",
        [
          ...[VERSION, TYPE],
          ["Upload-Length", "11"],
          // Of an empty body.
          ["Upload-Checksum", "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="],
        ],
        [status(460), header("Location")],
        { body: "hello", save: "a" },
      ),
      stays("a", 0),
    ],
    [...WITH_UPLOAD, "checksum"],
  ),
  row(
    "N6g",
    "MUST",
    "Creation With Upload",
    "Upload-Offset of the answer is where the next PATCH goes on",
    [
      ask("POST", "{here}", [VERSION, ["Upload-Length", "11"], TYPE], [status(201), offsetIs(5)], {
        body: "hello",
        save: "a",
        sending: { kind: "chunked", trailers: [] },
      }),
      stays("a", 5),
    ],
    WITH_UPLOAD,
  ),
];
