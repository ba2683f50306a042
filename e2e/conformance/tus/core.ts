// tus 1.0, core protocol: versions, OPTIONS, method override, HEAD, PATCH.
import type { Row } from "../row.ts";
import { absent, ask, gone, header, lists, looks, rowsOf, status } from "../write.ts";
import {
  appended,
  chunked,
  complete,
  head,
  offsetIs,
  patch,
  post,
  stays,
  TEXT,
  TYPE,
  upload,
  VERSION,
} from "./requests.ts";

const bare = rowsOf("tus 1.0.0", []);
const row = rowsOf("tus 1.0.0", ["creation"]);

const OPTIONS = (expect: Parameters<typeof ask>[3], fields: Parameters<typeof ask>[2] = []) =>
  ask("OPTIONS", "{here}", fields, expect);

const VERSIONS: readonly Row[] = [
  row("C1a", "MUST", "Tus-Resumable", "POST, HEAD and PATCH are answered with Tus-Resumable", [
    post([["Upload-Length", "11"]], [status(201), header("Tus-Resumable", "1.0.0")]),
    head("a", [header("Tus-Resumable", "1.0.0")]),
    patch("a", 0, TEXT, [status(204), header("Tus-Resumable", "1.0.0")]),
  ]),
  row("C1b", "MUST", "Tus-Resumable", "errors are answered with Tus-Resumable, too", [
    upload("a", 11),
    patch("a", 3, "lo", [status(409), header("Tus-Resumable", "1.0.0")]),
    ask("HEAD", "{a}0", [VERSION], [gone, header("Tus-Resumable", "1.0.0")]),
  ]),
  row("C1c", "MUST", "Tus-Resumable", "a version that is not supported is 412", [
    ask(
      "POST",
      "{here}",
      [
        ["Tus-Resumable", "0.2.2"],
        ["Upload-Length", "11"],
      ],
      [status(412)],
    ),
  ]),
  row("C1d", "MUST", "Tus-Resumable", "a 412 has Tus-Version", [
    ask(
      "POST",
      "{here}",
      [
        ["Tus-Resumable", "0.2.2"],
        ["Upload-Length", "11"],
      ],
      [status(412), header("Tus-Version", lists("1.0.0"))],
    ),
  ]),
  row(
    "C1e",
    "MUST",
    "Tus-Resumable",
    "a request of a version that is not supported is not processed",
    [
      upload("a", 11),
      ask("PATCH", "{a}", [["Tus-Resumable", "0.2.2"], TYPE, ["Upload-Offset", "0"]], [], {
        body: TEXT,
      }),
      stays("a", 0),
    ],
  ),
  row("C1g", "CUSTOM", "Tus-Resumable", "a POST that names no version is 412, too", [
    ask("POST", "{here}", [["Upload-Length", "11"]], [status(412)]),
  ]),
  bare("C1f", "MUST", "OPTIONS", "OPTIONS ignores Tus-Resumable", [
    OPTIONS([status(200, 204), header("Tus-Version")], [["Tus-Resumable", "9.9.9"]]),
  ]),
  bare("C2", "MUST", "Tus-Version", "OPTIONS has Tus-Version, and 1.0.0 in it", [
    OPTIONS([status(200, 204), header("Tus-Version", lists("1.0.0"))]),
  ]),
  row("C3a", "MUST", "Tus-Extension", "Tus-Extension is a comma list of names, never empty", [
    OPTIONS([header("Tus-Extension", looks(/^[a-z-]+(\s*,\s*[a-z-]+)*$/, "a list of names"))]),
  ]),
  row(
    "C3b",
    "MUST",
    "Tus-Max-Size",
    "Tus-Max-Size is a non-negative integer",
    [OPTIONS([header("Tus-Max-Size", looks(/^\d+$/, "an integer"))])],
    ["max-size"],
  ),
];

const OVERRIDE: readonly Row[] = [
  row("C4a", "MUST", "X-HTTP-Method-Override", "POST that says PATCH is a PATCH", [
    upload("a", 11),
    ask(
      "POST",
      "{a}",
      [VERSION, TYPE, ["Upload-Offset", "0"], ["X-HTTP-Method-Override", "PATCH"]],
      [status(204), offsetIs(11)],
      { body: TEXT },
    ),
  ]),
  row(
    "C4b",
    "MUST",
    "X-HTTP-Method-Override",
    "POST that says DELETE is a DELETE",
    [
      upload("a", 11),
      ask("POST", "{a}", [VERSION, ["X-HTTP-Method-Override", "DELETE"]], [status(204)]),
      head("a", [gone]),
    ],
    ["termination"],
  ),
  row("C4c", "MUST", "X-HTTP-Method-Override", "the actual method is ignored, whatever it is", [
    upload("a", 11),
    ask(
      "DELETE",
      "{a}",
      [VERSION, ["X-HTTP-Method-Override", "HEAD"]],
      [status(200, 204), offsetIs(0)],
    ),
    stays("a", 0),
  ]),
];

const HEAD: readonly Row[] = [
  row("C5a", "SHOULD", "HEAD", "success is 200 or 204", [
    upload("a", 11),
    head("a", [status(200, 204)]),
  ]),
  row("C5b", "MUST", "HEAD", "Upload-Offset is there, even if it is 0", [
    upload("a", 11),
    head("a", [offsetIs(0)]),
  ]),
  row("C5c", "MUST", "HEAD", "Upload-Offset is there, even if the upload is complete", [
    ...complete("a"),
    head("a", [offsetIs(11)]),
  ]),
  row("C5d", "MUST", "HEAD", "Upload-Length is there if it is known", [
    upload("a", 11),
    head("a", [header("Upload-Length", "11")]),
  ]),
  row("C5e", "MUST", "HEAD", "Cache-Control is no-store", [
    upload("a", 11),
    head("a", [header("Cache-Control", lists("no-store"))]),
  ]),
  row("C5f", "SHOULD", "HEAD", "what is not there is 404, 410 or 403, without Upload-Offset", [
    upload("a", 11),
    ask("HEAD", "{a}0", [VERSION], [gone, absent("Upload-Offset")]),
  ]),
];

const PATCH: readonly Row[] = [
  row("C6a", "MUST", "PATCH", "success is 204 with the new Upload-Offset", [
    upload("a", 11),
    patch("a", 0, "hello", [status(204), offsetIs(5)]),
  ]),
  row("C6b", "MUST", "PATCH", "offsets add up over requests", [
    upload("a", 11),
    patch("a", 0, "hello", [status(204), offsetIs(5)]),
    patch("a", 5, " wor", [status(204), offsetIs(9)]),
    patch("a", 9, "ld", [status(204), offsetIs(11)]),
    head("a", [offsetIs(11), header("Upload-Length", "11")]),
  ]),
  row("C6c", "SHOULD", "PATCH", "another Content-Type is 415, and nothing is appended", [
    upload("a", 11),
    ask(
      "PATCH",
      "{a}",
      [VERSION, ["Content-Type", "application/octet-stream"], ["Upload-Offset", "0"]],
      [status(415)],
      { body: TEXT },
    ),
    stays("a", 0),
  ]),
  row("C6d", "SHOULD", "PATCH", "a PATCH without Content-Type is 415", [
    upload("a", 11),
    ask("PATCH", "{a}", [VERSION, ["Upload-Offset", "0"]], [status(415)], { body: TEXT }),
  ]),
  row("C6e", "MUST", "PATCH", "an offset behind the upload's is 409, and changes nothing", [
    upload("a", 11),
    appended("a", 0, "hello"),
    patch("a", 0, TEXT, [status(409)]),
    stays("a", 5),
  ]),
  row("C6f", "MUST", "PATCH", "an offset ahead of the upload's is 409, and changes nothing", [
    upload("a", 11),
    patch("a", 5, " world", [status(409)]),
    stays("a", 0),
  ]),
  row("C6g", "CUSTOM", "PATCH", "the 409 tells the right Upload-Offset", [
    upload("a", 11),
    appended("a", 0, "hello"),
    patch("a", 7, "orld", [status(409), offsetIs(5)]),
  ]),
  row("C6h", "SHOULD", "PATCH", "a PATCH of what is not there is 404", [
    upload("a", 11),
    ask("PATCH", "{a}0", [VERSION, TYPE, ["Upload-Offset", "0"]], [status(404)], { body: TEXT }),
  ]),
  row("C9a", "MUST", "PATCH, and RFC 9112, 7.1", "a chunked body without Content-Length is taken", [
    upload("a", 11),
    patch("a", 0, TEXT, [status(204), offsetIs(11)], { sending: chunked }),
  ]),
  row("C11", "MUST", "Headers, and RFC 9110, 5.1", "names of headers have no case", [
    upload("a", 11),
    ask(
      "PATCH",
      "{a}",
      [
        ["tUS-rESUMABLE", "1.0.0"],
        ["cONTENT-tYPE", "application/offset+octet-stream"],
        ["UPLOAD-OFFSET", "0"],
      ],
      [status(204), offsetIs(11)],
      { body: TEXT },
    ),
  ]),
];

export const CORE: readonly Row[] = [...VERSIONS, ...OVERRIDE, ...HEAD, ...PATCH];
