// tus 1.0: creation.
import type { Row } from "../row.ts";
import { given, header, looks, rowsOf, status, withinMax } from "../write.ts";
import { deferred, head, offsetIs, patch, post } from "./requests.ts";

const row = rowsOf("tus 1.0.0", ["creation"]);

/** Of which `max-size:small` has at most 512. */
const PIECE = "0123456789abcdef".repeat(4_096);

const DEFER = ["creation-defer-length"];

export const CREATION: readonly Row[] = [
  row("N1a", "MUST", "Creation, POST", "success is 201 with the upload's URL in Location", [
    post([["Upload-Length", "11"]], [status(201), header("Location")]),
    head("a", [status(200, 204), offsetIs(0)]),
  ]),
  row("N1b", "CUSTOM", "Creation, POST", "neither Upload-Length nor Upload-Defer-Length is 400", [
    post([], [status(400)]),
  ]),
  row(
    "N1c",
    "CUSTOM",
    "Creation, POST",
    "both of them are 400",
    [
      post(
        [
          ["Upload-Length", "11"],
          ["Upload-Defer-Length", "1"],
        ],
        [status(400)],
      ),
    ],
    DEFER,
  ),
  row(
    "N1d",
    "SHOULD",
    "Creation, POST",
    "another Upload-Defer-Length than 1 is 400",
    [
      post([["Upload-Defer-Length", "2"]], [status(400)]),
      post([["Upload-Defer-Length", "true"]], [status(400)]),
    ],
    DEFER,
  ),
  row(
    "N2a",
    "MUST",
    "Creation, POST",
    "an upload above Tus-Max-Size is 413",
    [post([["Upload-Length", "{max+1}"]], [status(413)])],
    ["max-size"],
  ),
  row(
    "N2b",
    "MUST",
    "Creation, POST",
    "an upload above Tus-Max-Size whose size is told later is 413",
    [
      deferred("a"),
      patch("a", 0, "hello", [status(413)], { fields: [["Upload-Length", "{max+1}"]] }),
    ],
    [...DEFER, "max-size"],
  ),
  row(
    "N2c",
    "MUST",
    "Creation, POST",
    "an upload whose bytes go on beyond Tus-Max-Size is 413, and never has more than that",
    [
      deferred("a"),
      patch("a", 0, PIECE, [status(413)], { sending: { kind: "exceed" } }),
      head("a", [status(200, 204), header("Upload-Offset", withinMax)], { withinMs: 5_000 }),
    ],
    [...DEFER, "max-size", "max-size:small"],
  ),
  row(
    "N2d",
    "CUSTOM",
    "Tus-Max-Size",
    "an upload of Tus-Max-Size itself is created",
    [post([["Upload-Length", "{max}"]], [status(201)])],
    ["max-size", "max-size:small"],
  ),
  row("N3", "MUST", "Creation, POST", "Upload-Length 0 is complete at once", [
    post([["Upload-Length", "0"]], [status(201), header("Location")]),
    head("a", [status(200, 204), offsetIs(0), header("Upload-Length", "0")]),
  ]),
  row("N3b", "MUST", "Creation, POST", "what is complete at once takes no bytes any more", [
    given(post([["Upload-Length", "0"]], [status(201), header("Location")])),
    patch("a", 0, "!", []),
    head("a", [status(200, 204), offsetIs(0)]),
  ]),
  row("N7", "CUSTOM", "Creation, POST", "Location leads here, whatever X-Forwarded-Host says", [
    post(
      [
        ["Upload-Length", "11"],
        ["X-Forwarded-Host", "elsewhere.example"],
        ["X-Forwarded-Proto", "https"],
      ],
      [status(201), header("Location", looks(/^(?!.*elsewhere\.example)/, "here"))],
    ),
    head("a", [status(200, 204), offsetIs(0)]),
  ]),
  row("N7b", "CUSTOM", "Creation, POST", "Location leads here, whatever Forwarded says", [
    post(
      [
        ["Upload-Length", "11"],
        ["Forwarded", "for=192.0.2.1;host=elsewhere.example;proto=https"],
      ],
      [status(201), header("Location", looks(/^(?!.*elsewhere\.example)/, "here"))],
    ),
    head("a", [status(200, 204), offsetIs(0)]),
  ]),
];
