// tus 1.0, core protocol: numbers that are none, bodies that are cut, too long or empty, and two requests at once.
import type { Check, Row, Step } from "../row.ts";
import { ask, ended, gone, header, looks, notBeyond, rowsOf, settle, status } from "../write.ts";
import {
  appended,
  chunked,
  complete,
  deferred,
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

const row = rowsOf("tus 1.0.0", ["creation"]);

/** Nobody says which 4xx it is; a number above what a program can hold may be a mismatch as well. */
const refusedNumber: Check = status(400, 409, 413);

function offsets(...values: readonly string[]): readonly Step[] {
  return [
    upload("a", 11),
    ...values.map((value) => patch("a", value, TEXT, [status(400, 409)])),
    stays("a", 0),
  ];
}

function sizes(...values: readonly string[]): readonly Step[] {
  return values.map((value) => post([["Upload-Length", value]], [refusedNumber]));
}

const NUMBERS: readonly Row[] = [
  row(
    "C7a",
    "CUSTOM",
    "Upload-Offset",
    "a negative Upload-Offset is refused",
    offsets("-1", "-11"),
  ),
  row(
    "C7b",
    "CUSTOM",
    "Upload-Offset",
    "an Upload-Offset with a sign, a fraction, an exponent or another base is refused",
    offsets("+0", "0.0", "0e1", "0x0"),
  ),
  row(
    "C7c",
    "CUSTOM",
    "Upload-Offset",
    "an Upload-Offset that is a word, or empty, is refused",
    offsets("zero", "0 0", "0, 0", ""),
  ),
  row(
    "C7d",
    "CUSTOM",
    "Upload-Offset",
    "an Upload-Offset above 2^53 - 1 is refused",
    offsets("9007199254740993", "18446744073709551616"),
  ),
  row("C7e", "CUSTOM", "PATCH", "a PATCH without Upload-Offset is 400", [
    upload("a", 11),
    ask("PATCH", "{a}", [VERSION, TYPE], [status(400)], { body: TEXT }),
    stays("a", 0),
  ]),
  row("C7f", "CUSTOM", "Upload-Length", "a negative Upload-Length is refused", sizes("-1", "-11")),
  row(
    "C7g",
    "CUSTOM",
    "Upload-Length",
    "an Upload-Length with a sign, a fraction, an exponent or another base is refused",
    sizes("+3", "1.5", "1e3", "0x10"),
  ),
  row(
    "C7h",
    "CUSTOM",
    "Upload-Length",
    "an Upload-Length that is a word, or empty, is refused",
    sizes("eleven", "", "11, 11"),
  ),
  row(
    "C7i",
    "CUSTOM",
    "Upload-Length",
    "an Upload-Length above 2^64 - 1 is refused",
    sizes("18446744073709551616", "1".repeat(40)),
  ),
  row("C7j", "CUSTOM", "Upload-Length", "an Upload-Length above 2^53 - 1 is refused", [
    ...sizes("9007199254740993", "9223372036854775807"),
  ]),
  row(
    "C7k",
    "CUSTOM",
    "Upload-Length",
    "an Upload-Length of a PATCH that is no number is refused, and nothing is appended",
    [
      deferred("a"),
      ...["-11", "+11", "1.1e1", "eleven", "9007199254740993"].map((size) =>
        patch("a", 0, TEXT, [refusedNumber], { fields: [["Upload-Length", size]] }),
      ),
      stays("a", 0),
    ],
    ["creation-defer-length"],
  ),
];

/** After so long nobody counts on a body any more; the specification says no number. */
const STOPPED_MS = 90_000;

const BODIES: readonly Row[] = [
  row("C8a", "SHOULD", "PATCH", "what came before a cut is stored", [
    upload("a", 11),
    patch("a", 0, "hello", [], { sending: { kind: "cut", size: 11 } }),
    head("a", [status(200, 204), offsetIs(5)], { withinMs: 10_000 }),
  ]),
  row("C8b", "MUST", "PATCH", "the upload goes on at the offset that HEAD tells after a cut", [
    upload("a", 11),
    patch("a", 0, "hello", [], { sending: { kind: "cut", size: 11 } }),
    head("a", [status(200, 204), header("Upload-Offset", looks(/^\d+$/, "a number"))], {
      saveOffset: "at",
      withinMs: 10_000,
    }),
    patch("a", "{at}", "!", [status(204)]),
  ]),
  {
    ...row(
      "C8c",
      "SHOULD",
      "PATCH",
      "a body that stops is ended after a while, and what came stays",
      [
        upload("a", 11),
        patch("a", 0, "hello", [], {
          sending: { kind: "held", size: 11, name: "stopped", patienceMs: STOPPED_MS },
        }),
        settle("stopped", [ended]),
        head("a", [status(200, 204), offsetIs(5)], { withinMs: 10_000 }),
      ],
    ),
    isSlow: true,
  },
  row("C9b", "CUSTOM", "PATCH", "a body longer than the upload is 413 or 400, and never stored", [
    upload("a", 5),
    patch("a", 0, TEXT, [status(400, 413)]),
    head("a", [status(200, 204), header("Upload-Offset", looks(/^[0-5]$/, "at most 5"))]),
  ]),
  row(
    "C9c",
    "CUSTOM",
    "PATCH",
    "a chunked body longer than the upload is 413 or 400, and never stored",
    [
      upload("a", 5),
      patch("a", 0, TEXT, [status(400, 413)], { sending: chunked }),
      head("a", [status(200, 204), header("Upload-Offset", looks(/^[0-5]$/, "at most 5"))]),
    ],
  ),
  row("C10a", "CUSTOM", "PATCH", "an empty PATCH is 204 and moves nothing", [
    upload("a", 11),
    appended("a", 0, "hello"),
    patch("a", 5, "", [status(204), offsetIs(5)]),
  ]),
  row("C10b", "CUSTOM", "PATCH", "an empty PATCH at the end of a complete upload is 204", [
    ...complete("a"),
    patch("a", 11, "", [status(204), offsetIs(11)]),
  ]),
  row("C10c", "CUSTOM", "PATCH", "bytes after the end of a complete upload never count", [
    ...complete("a"),
    patch("a", 11, "!", []),
    stays("a", 11),
  ]),
];

const AT_ONCE: readonly Row[] = [
  row("C12a", "CUSTOM", "PATCH", "HEAD is answered while a PATCH hangs, with the bytes that came", [
    upload("a", 11),
    patch("a", 0, "hello", [], { sending: { kind: "held", size: 11, name: "first" } }),
    head("a", [status(200, 204), offsetIs(5)], { withinMs: 10_000 }),
  ]),
  row("C12b", "CUSTOM", "PATCH", "the offset that HEAD told while a PATCH hung is taken next", [
    upload("a", 11),
    patch("a", 0, "hello", [], { sending: { kind: "held", size: 11, name: "first" } }),
    head("a", [status(200, 204), offsetIs(5)], { withinMs: 10_000 }),
    patch("a", 5, " world", [status(204), offsetIs(11)]),
    settle("first", [notBeyond(5)]),
    stays("a", 11),
  ]),
  row(
    "C12c",
    "CUSTOM",
    "DELETE",
    "DELETE ends a PATCH that hangs",
    [
      upload("a", 11),
      patch("a", 0, "hello", [], { sending: { kind: "held", size: 11, name: "first" } }),
      head("a", [status(200, 204), offsetIs(5)], { withinMs: 10_000 }),
      ask("DELETE", "{a}", [VERSION], [status(204)]),
      head("a", [gone]),
    ],
    ["termination"],
  ),
];

export const BOUNDS: readonly Row[] = [...NUMBERS, ...BODIES, ...AT_ONCE];
