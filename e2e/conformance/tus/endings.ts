// tus 1.0: expiration and termination.
import type { Row } from "../row.ts";
import { ask, date, gone, header, rowsOf, status } from "../write.ts";
import { appended, complete, head, patch, post, TEXT, TYPE, upload, VERSION } from "./requests.ts";

const expires = rowsOf("tus 1.0.0", ["creation", "expiration"]);
const ends = rowsOf("tus 1.0.0", ["creation", "termination"]);

export const ENDINGS: readonly Row[] = [
  expires(
    "E1a",
    "MUST",
    "Upload-Expires",
    "PATCH is answered with Upload-Expires while the upload is open",
    [upload("a", 11), patch("a", 0, "hello", [status(204), header("Upload-Expires", date)])],
  ),
  expires("E1b", "MUST", "Upload-Expires", "the creation is answered with Upload-Expires", [
    post([["Upload-Length", "11"]], [status(201), header("Upload-Expires", date)]),
  ]),
  expires(
    "E1c",
    "SHOULD",
    "Upload-Expires",
    "what has expired is 404 or 410",
    [upload("a", 11), head("a", [status(404, 410)], { withinMs: 20_000 })],
    ["expires-soon"],
  ),
  ends("T1a", "MUST", "DELETE", "DELETE of an upload that is not complete is 204", [
    upload("a", 11),
    appended("a", 0, "hello"),
    ask("DELETE", "{a}", [VERSION], [status(204)]),
  ]),
  ends("T1b", "MUST", "DELETE", "DELETE of a complete upload is 204", [
    ...complete("a"),
    ask("DELETE", "{a}", [VERSION], [status(204)]),
  ]),
  expires("E1d", "CUSTOM", "Upload-Expires", "HEAD has Upload-Expires, too", [
    upload("a", 11),
    head("a", [status(200, 204), header("Upload-Expires", date)]),
  ]),
  ends("T1c", "SHOULD", "DELETE", "after DELETE, HEAD and PATCH are 404 or 410", [
    upload("a", 11),
    ask("DELETE", "{a}", [VERSION], [status(204)]),
    head("a", [status(404, 410)]),
    patch("a", 0, TEXT, [status(404, 410)]),
  ]),
  ends("T1d", "SHOULD", "DELETE", "after DELETE of a complete upload HEAD is 404 or 410", [
    ...complete("a"),
    ask("DELETE", "{a}", [VERSION], [status(204)]),
    head("a", [status(404, 410)]),
  ]),
  ends("T1e", "CUSTOM", "DELETE", "DELETE of what never was is 404, 410 or 403", [
    upload("a", 11),
    ask("DELETE", "{a}0", [VERSION], [gone]),
    ask("PATCH", "{a}", [VERSION, TYPE, ["Upload-Offset", "0"]], [status(204)], { body: TEXT }),
  ]),
];
