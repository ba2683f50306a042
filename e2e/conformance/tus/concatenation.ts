// tus 1.0: concatenation.
import type { Field } from "../message.ts";
import type { Ask, Row } from "../row.ts";
import { absent, ask, bodyIs, given, header, perhaps, rowsOf, status } from "../write.ts";
import { appended, head, offsetIs, patch, post, TEXT, upload, VERSION } from "./requests.ts";

const row = rowsOf("tus 1.0.0", ["creation", "concatenation"]);
const SOURCE = "Concatenation";

/** A final reads its partials in its own time. */
const withinMs = 20_000;

/** Leads to a partial upload that has all its bytes. */
function partial(name: string, text: string, fields: readonly Field[] = []): readonly Ask[] {
  return [
    upload(name, text.length, [["Upload-Concat", "partial"], ...fields]),
    appended(name, 0, text),
  ];
}

const PARTIALS: readonly Ask[] = [...partial("a", "hello"), ...partial("b", " world")];

function final(urls: string, name = "f"): Ask {
  return post([["Upload-Concat", `final;${urls}`]], [status(201), header("Location")], name);
}

/** No final is made of what cannot be put together; servers differ in which 4xx they say so with. */
function refusedFinal(urls: string, fields: readonly Field[] = []): Ask {
  return post(
    [["Upload-Concat", `final;${urls}`], ...fields],
    [status(400, 403, 404, 409, 422)],
    "f",
  );
}

export const CONCATENATION: readonly Row[] = [
  row("X1a", "MUST", SOURCE, "a partial is created with 201", [
    post(
      [
        ["Upload-Length", "5"],
        ["Upload-Concat", "partial"],
      ],
      [status(201), header("Location")],
    ),
  ]),
  row("X1b", "MUST", SOURCE, "HEAD of a partial has Upload-Offset and Upload-Concat: partial", [
    upload("a", 5, [["Upload-Concat", "partial"]]),
    appended("a", 0, "hel"),
    head("a", [offsetIs(3), header("Upload-Concat", "partial"), header("Upload-Length", "5")]),
  ]),
  row("X2a", "MUST", SOURCE, "a final is created with 201 and Location", [
    ...PARTIALS,
    final("{a} {b}"),
  ]),
  row(
    "X2b",
    "MUST",
    SOURCE,
    "a final's size is the sum, its offset the same once it is put together",
    [
      ...PARTIALS,
      given(final("{a} {b}")),
      head("f", [status(200, 204), offsetIs(11), header("Upload-Length", "11")], { withinMs }),
    ],
  ),
  row("X2c", "MUST", "Upload-Concat", "URLs of partials may be relative", [
    ...PARTIALS,
    final("{a.path} {b.path}"),
    head("f", [status(200, 204), offsetIs(11)], { withinMs }),
  ]),
  row("X2d", "MUST", SOURCE, "the same partial may come more than once", [
    ...PARTIALS,
    final("{a} {b} {a}"),
    head("f", [status(200, 204), offsetIs(16), header("Upload-Length", "16")], { withinMs }),
  ]),
  row("X2e", "CUSTOM", SOURCE, "a partial may be used by another final afterwards", [
    ...PARTIALS,
    given(final("{a} {b}")),
    head("f", [status(200, 204), offsetIs(11)], { withinMs }),
    final("{b} {a}", "g"),
    head("g", [status(200, 204), offsetIs(11)], { withinMs }),
  ]),
  row(
    "X2h",
    "MUST",
    SOURCE,
    "the bytes of a final are those of its partials, in the order in which they were named",
    [
      ...PARTIALS,
      given(final("{b} {a} {b}")),
      head("f", [status(200, 204), offsetIs(17)], { withinMs, save: "f" }),
      ask("GET", "{f.content}", [VERSION], [status(200), bodyIs(" worldhello world")]),
    ],
    ["content"],
  ),
  row("X2f", "CUSTOM", SOURCE, "a final with an Upload-Length is refused", [
    ...PARTIALS,
    refusedFinal("{a} {b}", [["Upload-Length", "11"]]),
  ]),
  row("X2g", "CUSTOM", SOURCE, "an Upload-Concat that says nothing is refused", [
    // Without a length it would be refused for that, by who passes the field over.
    ...["final", "final;", "parts", "final; "].flatMap((value) => [
      post([["Upload-Concat", value]], [status(400, 404)]),
      post(
        [
          ["Upload-Concat", value],
          ["Upload-Length", "11"],
        ],
        [status(400, 404)],
      ),
    ]),
  ]),
  row(
    "X3a",
    "MUST",
    SOURCE,
    "partials that are not complete are refused, since nothing else is announced",
    [
      ...partial("a", "hello"),
      upload("b", 6, [["Upload-Concat", "partial"]]),
      refusedFinal("{a} {b}"),
    ],
    ["!concatenation-unfinished"],
  ),
  row(
    "X3b",
    "MUST",
    SOURCE,
    "partials may still be in progress, and HEAD says nothing wrong until they are complete",
    [
      ...partial("a", "hello"),
      upload("b", 6, [["Upload-Concat", "partial"]]),
      final("{a} {b}"),
      appended("b", 0, " world"),
      head("f", [status(200, 204), offsetIs(11), header("Upload-Length", "11")], { withinMs }),
    ],
    ["concatenation-unfinished"],
  ),
  row("X3c", "CUSTOM", SOURCE, "a partial that nobody knows is 404 or 400", [
    ...partial("a", "hello"),
    post([["Upload-Concat", "final;{a} {a}0"]], [status(400, 404)], "f"),
  ]),
  row("X4a", "MUST", SOURCE, "HEAD of a final has Upload-Concat as it was received", [
    ...PARTIALS,
    given(final("{a} {b.path}")),
    head("f", [status(200, 204), header("Upload-Concat", "final;{a} {b.path}")], { withinMs }),
  ]),
  row("X4b", "SHOULD", SOURCE, "HEAD of a final has no other Upload-Offset than that of its end", [
    ...PARTIALS,
    given(final("{a} {b}")),
    head("f", [status(200, 204), perhaps("Upload-Offset", "11")]),
  ]),
  row(
    "X4c",
    "MUST",
    SOURCE,
    "HEAD of a final has its size at once, where the partials are complete",
    [
      ...PARTIALS,
      given(final("{a} {b}")),
      head("f", [status(200, 204), header("Upload-Length", "11")]),
    ],
  ),
  row("X5a", "MUST", SOURCE, "PATCH of a final is 403, and modifies nothing", [
    ...PARTIALS,
    given(final("{a} {b}")),
    head("f", [status(200, 204), offsetIs(11)], { withinMs }),
    patch("f", 11, "!", [status(403)]),
    head("f", [status(200, 204), offsetIs(11), header("Upload-Length", "11")]),
    head("a", [status(200, 204), offsetIs(5)]),
  ]),
  row("X5b", "MUST", SOURCE, "metadata of partials does not come into the final", [
    ...partial("a", TEXT, [["Upload-Metadata", "filename d29ybGQudHh0"]]),
    given(final("{a}")),
    head("f", [status(200, 204), offsetIs(11), absent("Upload-Metadata")], { withinMs }),
  ]),
  row("X5c", "MUST", SOURCE, "a final has metadata of its own", [
    ...partial("a", TEXT, [["Upload-Metadata", "filename YS50eHQ="]]),
    ask(
      "POST",
      "{here}",
      [VERSION, ["Upload-Concat", "final;{a}"], ["Upload-Metadata", "filename d29ybGQudHh0"]],
      [status(201), header("Location")],
      { save: "f" },
    ),
    head("f", [header("Upload-Metadata", "filename d29ybGQudHh0")], { withinMs }),
  ]),
  row("X6a", "CUSTOM", SOURCE, "a partial on another host is refused", [
    ...partial("a", "hello"),
    refusedFinal("{a} http://elsewhere.example/files/0123456789abcdef"),
  ]),
  row("X6d", "CUSTOM", SOURCE, "a partial below another path is refused", [
    ...partial("a", "hello"),
    refusedFinal("/elsewhere{a.path}"),
  ]),
  row("X6e", "CUSTOM", SOURCE, "what leads out of where uploads are is refused", [
    ...partial("a", "hello"),
    ...[
      "{a}/../../../etc/passwd",
      "{here}/..%2f..%2fetc%2fpasswd",
      "{a.path}/../x",
      "a\\..\\b",
    ].map((url) => refusedFinal(url)),
  ]),
  row("X6b", "CUSTOM", SOURCE, "an upload that is no partial is refused", [
    ...partial("a", "hello"),
    upload("b", 6),
    appended("b", 0, " world"),
    refusedFinal("{a} {b}"),
  ]),
  row("X6c", "CUSTOM", SOURCE, "a final of a final is refused", [
    ...partial("a", "hello"),
    given(final("{a}", "g")),
    head("g", [status(200, 204), offsetIs(5)], { withinMs }),
    refusedFinal("{a} {g}"),
  ]),
];
