// tus 1.0: metadata.
import type { Row } from "../row.ts";
import { absent, header, rowsOf, status } from "../write.ts";
import { head, post, upload } from "./requests.ts";

const row = rowsOf("tus 1.0.0", ["creation"]);

export const METADATA: readonly Row[] = [
  row("N4a", "MUST", "Upload-Metadata", "HEAD has the metadata as the client gave it", [
    upload("a", 11, [["Upload-Metadata", "filename d29ybGQudHh0,filetype dGV4dC9wbGFpbg=="]]),
    head("a", [header("Upload-Metadata", "filename d29ybGQudHh0,filetype dGV4dC9wbGFpbg==")]),
  ]),
  row(
    "N4b",
    "MUST",
    "Upload-Metadata",
    "metadata comes back in its order, with keys that have no value",
    [
      upload("a", 11, [["Upload-Metadata", "zeta d29ybGQ=,is_confidential,alpha YQ==,mid bWlk"]]),
      head("a", [header("Upload-Metadata", "zeta d29ybGQ=,is_confidential,alpha YQ==,mid bWlk")]),
    ],
  ),
  row("N4c", "CUSTOM", "Upload-Metadata", "a value that is not Base64 is 400", [
    post(
      [
        ["Upload-Length", "11"],
        ["Upload-Metadata", "filename w*rld!"],
      ],
      [status(400)],
    ),
  ]),
  row("N4d", "CUSTOM", "Upload-Metadata", "an empty key, or one twice, is 400", [
    post(
      [
        ["Upload-Length", "11"],
        ["Upload-Metadata", "a YQ==,,b Yg=="],
      ],
      [status(400)],
    ),
    post(
      [
        ["Upload-Length", "11"],
        ["Upload-Metadata", "a YQ==,a Yg=="],
      ],
      [status(400)],
    ),
  ]),
  row("N4e", "SHOULD", "Upload-Metadata", "values never become headers of their own", [
    // Base64 of "x\r\nInjected: yes".
    upload("a", 11, [["Upload-Metadata", "filename eA0KSW5qZWN0ZWQ6IHllcw=="]]),
    head("a", [status(200, 204), absent("Injected")]),
  ]),
  row(
    "N4g",
    "CUSTOM",
    "Upload-Metadata",
    "64 KiB of metadata are taken or refused, not an error, and the server goes on",
    [
      post(
        [
          ["Upload-Length", "11"],
          ["Upload-Metadata", `filename ${"YWFh".repeat(16_384)}`],
        ],
        [status(201, 400, 413, 431)],
      ),
      post([["Upload-Length", "11"]], [status(201)]),
    ],
  ),
  row(
    "N4h",
    "CUSTOM",
    "Upload-Metadata",
    "a key with a space behind it and no value comes back so",
    [
      upload("a", 11, [["Upload-Metadata", "is_confidential ,alpha YQ=="]]),
      head("a", [header("Upload-Metadata", "is_confidential ,alpha YQ==")]),
    ],
  ),
  row("N4f", "CUSTOM", "Upload-Metadata", "12 KiB of metadata are taken or refused, not an error", [
    post(
      [
        ["Upload-Length", "11"],
        ["Upload-Metadata", `filename ${"YWFh".repeat(3_072)}`],
      ],
      [status(201, 400, 413, 431)],
    ),
  ]),
];
