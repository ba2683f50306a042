// Resumable uploads: the end of an upload, and what comes after it.

import type { Sending } from "../row.ts";
import { done, header, refused, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { INTEROPS } from "./interop.ts";
import { append, appended, create, head, offsetIs, TEXT, tells, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

/** Of the empty representation. */
const OTHER_DIGEST = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

const OLDER = [3, 5, 6] as const;

/** More than a proxy reads before it hands on the head: a short chunked body that it has whole it announces to the server. */
const neverWholeAtOnce: Sending = { kind: "repeat", times: 4096 };

export const COMPLETION: readonly Clause[] = [
  {
    id: "R10a",
    level: "MUST",
    source: "Upload Append",
    clause: "the last bytes are answered with Upload-Complete: ?1",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      appended(version, 0, "hello"),
      append(version, 5, true, " world", [done, tells(version, true)]),
    ],
  },
  {
    id: "R10b",
    level: "MUST",
    source: "Upload Append",
    clause: "the last bytes are answered with success and the offset of the end",
    versions: OLDER,
    steps: (version) => [
      upload(version),
      appended(version, 0, "hello"),
      append(version, 5, true, " world", [done, offsetIs(11)]),
    ],
  },
  {
    id: "R10c",
    level: "MUST",
    source: "Upload Append",
    clause: "an append without content may complete the upload",
    versions: INTEROPS,
    steps: (version) => [
      create(version, false, TEXT, [done, header("Location")]),
      append(version, 11, true, "", [done]),
    ],
  },
  {
    id: "R10d",
    level: "MUST",
    source: "Upload Append",
    clause: "an answer that comes of the whole says Upload-Complete: ?1, even if it is a refusal",
    versions: CURRENT,
    steps: (version) => [
      upload(version, [["Repr-Digest", OTHER_DIGEST]]),
      append(version, 0, true, TEXT, [status(400, 409, 422), tells(version, true)]),
    ],
  },
  {
    id: "R11a",
    level: "CUSTOM",
    source: "Upload Append",
    clause: "who lost the last answer may ask again: an append without content is answered alike",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(version, 0, true, TEXT, [done, tells(version, true)]),
      append(version, 11, true, "", [done, tells(version, true)]),
    ],
  },
  {
    id: "R11b",
    level: "MUST",
    source: "Upload Append",
    clause: "an append to an upload that is complete is 400",
    versions: [6],
    steps: (version) => [
      upload(version),
      append(version, 0, true, TEXT, [done]),
      append(version, 11, true, "!", [status(400)]),
    ],
  },
  {
    id: "R11c",
    level: "MUST",
    source: "Completeness",
    clause: "no bytes are appended to an upload that is complete",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(version, 0, true, TEXT, [done]),
      append(version, 11, false, "!", [status(400, 403, 404, 409, 410, 413)]),
    ],
  },
  {
    id: "R12a",
    level: "MUST",
    source: "Upload Append",
    clause: "bytes beyond the length are 400",
    versions: [6],
    steps: (version) => [
      upload(version, [["Upload-Length", "5"]]),
      append(version, 0, false, TEXT, [status(400)]),
    ],
  },
  {
    id: "R12b",
    level: "MUST",
    source: "Upload Append",
    clause: "bytes beyond the length are refused, though Content-Length has announced them",
    versions: CURRENT,
    steps: (version) => [
      upload(version, [["Upload-Length", "5"]]),
      append(version, 0, false, TEXT, [refused]),
    ],
  },
  {
    id: "R12c",
    level: "MUST",
    source: "Upload Append",
    clause: "where bytes beyond the length come unannounced, the upload is invalid from then on",
    versions: CURRENT,
    steps: (version) => [
      upload(version, [["Upload-Length", "5"]]),
      append(version, 0, false, TEXT, [refused], { sending: neverWholeAtOnce }),
      head(version, [status(400, 403, 404, 409, 410)]),
      append(version, 5, true, "", [status(400, 403, 404, 409, 410)]),
    ],
  },
];
