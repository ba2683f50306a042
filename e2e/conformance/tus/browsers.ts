// What pages of another origin need before tus-js-client or Uppy can use a server: the lists of CORS. Custom, since tus says nothing of it.
import type { Field } from "../message.ts";
import type { Row } from "../row.ts";
import { ask, header, lists, rowsOf, status } from "../write.ts";
import { head, patch, post, TEXT, upload } from "./requests.ts";

const row = rowsOf("Fetch standard", ["creation", "cors"]);
const SOURCE = "CORS protocol";

const ORIGIN: Field = ["Origin", "https://page.example"];

const ALLOWED = [
  "Authorization",
  "Content-Type",
  "Tus-Resumable",
  "Upload-Length",
  "Upload-Offset",
  "Upload-Metadata",
  "Upload-Defer-Length",
  "Upload-Concat",
  "X-HTTP-Method-Override",
  "X-Requested-With",
];
const EXPOSED = [
  "Location",
  "Upload-Offset",
  "Upload-Length",
  "Upload-Metadata",
  "Tus-Resumable",
  "Tus-Version",
  "Tus-Max-Size",
  "Tus-Extension",
];

export const PREFLIGHT: readonly Field[] = [
  ORIGIN,
  ["Access-Control-Request-Method", "PATCH"],
  ["Access-Control-Request-Headers", "content-type,tus-resumable,upload-offset"],
];

const allowsOrigin = header("Access-Control-Allow-Origin");

export const BROWSERS: readonly Row[] = [
  row("Q1a", "CUSTOM", SOURCE, "a preflight is answered 200 or 204 and allows the methods of tus", [
    ask("OPTIONS", "{here}", PREFLIGHT, [
      status(200, 204),
      allowsOrigin,
      ...["POST", "PATCH", "DELETE"].map((method) =>
        header("Access-Control-Allow-Methods", lists(method)),
      ),
    ]),
  ]),
  row("Q1b", "CUSTOM", SOURCE, "a preflight allows the headers that clients send", [
    ask("OPTIONS", "{here}", PREFLIGHT, [
      ...ALLOWED.map((name) => header("Access-Control-Allow-Headers", lists(name))),
    ]),
  ]),
  row("Q1c", "CUSTOM", SOURCE, "answers expose the headers that clients read", [
    post(
      [["Upload-Length", "11"], ORIGIN],
      [
        status(201),
        allowsOrigin,
        ...EXPOSED.map((name) => header("Access-Control-Expose-Headers", lists(name))),
      ],
    ),
    head("a", [allowsOrigin, header("Access-Control-Expose-Headers", lists("Upload-Offset"))], {
      fields: [ORIGIN],
    }),
  ]),
  row("Q1d", "CUSTOM", SOURCE, "errors may be read by pages, too", [
    upload("a", 11),
    patch("a", 3, TEXT, [status(409), allowsOrigin], { fields: [ORIGIN] }),
  ]),
  row(
    "Q1e",
    "CUSTOM",
    SOURCE,
    "Upload-Expires is exposed where uploads expire",
    [
      post(
        [["Upload-Length", "11"], ORIGIN],
        [header("Access-Control-Expose-Headers", lists("Upload-Expires"))],
      ),
    ],
    ["expiration"],
  ),
];
