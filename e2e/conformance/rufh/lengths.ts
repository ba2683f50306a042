// Resumable uploads: lengths.
import { done, header, member, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { append, appended, create, head, offsetIs, TEXT, tells, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

const INCONSISTENT = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";

export const LENGTHS: readonly Clause[] = [
  {
    id: "R4a",
    level: "MUST",
    source: "Length",
    clause: "a length that was given is told by HEAD",
    versions: [6, 8, 9],
    steps: (version) => [
      upload(version, [["Upload-Length", "11"]]),
      head(version, [status(200, 204), header("Upload-Length", "11")]),
    ],
  },
  {
    id: "R4b",
    level: "MUST",
    source: "Length",
    clause: "a length that follows from the Content-Length of the last request is told by HEAD",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(version, 0, true, "hello", [], { sending: { kind: "cut", size: 11 } }),
      head(version, [status(200, 204), header("Upload-Length", "11"), tells(version, false)], {
        withinMs: 10_000,
      }),
    ],
  },
  {
    id: "R4c",
    level: "MUST",
    source: "Length",
    clause: "two lengths in one request that differ are 400",
    versions: [6, 8, 9],
    steps: (version) => [
      create(version, true, TEXT, [status(400)], { fields: [["Upload-Length", "12"]] }),
    ],
  },
  {
    id: "R4d",
    level: "MUST",
    source: "Length",
    clause: "lengths of two requests that differ are 400",
    versions: [6, 8, 9],
    steps: (version) => [
      upload(version, [["Upload-Length", "11"]]),
      append(version, 0, true, "hello", [status(400)]),
    ],
  },
  {
    id: "R4e",
    level: "CUSTOM",
    source: "Inconsistent Length",
    clause: "lengths that differ are a problem of a type of its own",
    versions: CURRENT,
    steps: (version) => [
      upload(version, [["Upload-Length", "11"]]),
      append(version, 0, true, "hello", [status(400), member("type", INCONSISTENT)]),
    ],
  },
  {
    id: "R4f",
    level: "MUST",
    source: "Length",
    clause: "an upload whose offset is its length is not complete before somebody says so",
    versions: [6, 8, 9],
    steps: (version) => [
      upload(version, [["Upload-Length", "11"]]),
      appended(version, 0, TEXT),
      head(version, [status(200, 204), offsetIs(11), tells(version, false)]),
      append(version, 11, true, "", [done]),
    ],
  },
];
