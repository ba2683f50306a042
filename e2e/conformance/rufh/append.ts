// Resumable uploads: appending.
import { ask, done, header, lists, looks, member, refused, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { completeField, INTEROPS, typeFields, versionField } from "./interop.ts";
import {
  append,
  appended,
  chunked,
  head,
  offsetIs,
  stays,
  TEXT,
  tells,
  upload,
} from "./requests.ts";

const CURRENT = [8, 9] as const;

const OLDER = [3, 5, 6] as const;

const MISMATCH = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset";

export const APPEND: readonly Clause[] = [
  {
    id: "R9a",
    level: "MUST",
    source: "Upload Append",
    clause: "bytes that go on are 2xx with Upload-Complete: ?0",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(version, 0, false, "hello", [done, tells(version, false)]),
      append(version, 5, false, " world", [done, tells(version, false)]),
      head(version, [offsetIs(11)]),
    ],
  },
  {
    id: "R9b",
    level: "MUST",
    source: "Upload Append",
    clause: "bytes that go on are 201 with Upload-Offset",
    versions: OLDER,
    steps: (version) => [
      upload(version),
      append(version, 0, false, "hello", [status(201), offsetIs(5)]),
      append(version, 5, false, " world", [status(201), offsetIs(11)]),
    ],
  },
  {
    id: "R9c",
    level: "CUSTOM",
    source: "Upload Append",
    clause: "another Content-Type than application/partial-upload is refused",
    versions: [6, 8, 9],
    steps: (version) => [
      upload(version),
      ask(
        "PATCH",
        "{a}",
        [
          versionField(version),
          ["Content-Type", "application/octet-stream"],
          ["Upload-Offset", "0"],
          completeField(version, false),
        ],
        [refused],
        { body: TEXT },
      ),
      stays(version, 0),
    ],
  },
  {
    id: "R9i",
    level: "CUSTOM",
    source: "Upload Append, and RFC 5789, 2.2",
    clause: "another Content-Type is 415 with Accept-Patch",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(
        version,
        0,
        false,
        TEXT,
        [status(415), header("Accept-Patch", lists("application/partial-upload"))],
        { fields: [["Content-Type", "text/plain"]], isUntyped: true },
      ),
    ],
  },
  {
    id: "R19c",
    level: "CUSTOM",
    source: "Intermediaries, and RFC 10036",
    clause: "Incremental changes nothing of an append, which counts as it comes",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(version, 0, false, "hello", [], {
        fields: [["Incremental", "?1"]],
        sending: { kind: "held", size: 11, name: "first" },
      }),
      head(version, [status(200, 204), offsetIs(5), tells(version, false)], { withinMs: 10_000 }),
      append(version, 5, false, " world", [done], { fields: [["Incremental", "?1"]] }),
    ],
  },
  {
    id: "R9d",
    level: "MUST",
    source: "Upload Append",
    clause: "an append of any Content-Type is taken",
    versions: [3, 5],
    steps: (version) => [
      upload(version),
      append(version, 0, false, TEXT, [done, offsetIs(11)], {
        fields: [["Content-Type", "text/plain"]],
      }),
    ],
  },
  {
    id: "R9e",
    level: "CUSTOM",
    source: "Upload Append",
    clause: "an append without Upload-Offset is refused",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      ask(
        "PATCH",
        "{a}",
        [versionField(version), ...typeFields(version), completeField(version, false)],
        [refused],
        { body: TEXT },
      ),
      stays(version, 0),
    ],
  },
  {
    id: "R9f",
    level: "MUST",
    source: "Upload Append",
    clause: "another offset is 409 with the right one and Upload-Complete: ?0, nothing is appended",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      appended(version, 0, "hello"),
      append(version, 0, false, TEXT, [status(409), offsetIs(5), tells(version, false)]),
      append(version, 7, false, TEXT, [status(409), offsetIs(5), tells(version, false)]),
      stays(version, 5),
    ],
  },
  {
    id: "R9g",
    level: "MUST",
    source: "Upload Append",
    clause: "another offset is 409 with the right one, nothing is appended",
    versions: OLDER,
    steps: (version) => [
      upload(version),
      appended(version, 0, "hello"),
      append(version, 7, false, TEXT, [status(409), offsetIs(5)]),
      stays(version, 5),
    ],
  },
  {
    id: "R9h",
    level: "CUSTOM",
    source: "Mismatching Offset",
    clause: "another offset is a problem of a type of its own, with both offsets",
    versions: [6, 8, 9],
    steps: (version) => [
      upload(version),
      appended(version, 0, "hello"),
      append(version, 7, false, TEXT, [
        status(409),
        header("Content-Type", looks(/^application\/problem\+json/, "a problem document")),
        member("type", MISMATCH),
        member("expected-offset", "5"),
        member("provided-offset", "7"),
      ]),
    ],
  },
  {
    id: "R19b",
    level: "MUST",
    source: "Transfer Codings, and RFC 9112, 7.1",
    clause: "an append may come chunked, without Content-Length",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      append(version, 0, false, TEXT, [done], { sending: chunked }),
      head(version, [offsetIs(11)]),
    ],
  },
];
