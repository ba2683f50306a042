// Resumable uploads: creation.
import { done, header, limits, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { INTEROPS } from "./interop.ts";
import { chunked, create, head, offsetIs, TEXT, tells } from "./requests.ts";

const CURRENT = [8, 9] as const;

const OLDER = [3, 5, 6] as const;

export const CREATION: readonly Clause[] = [
  {
    id: "R3a",
    level: "MUST",
    source: "Upload Creation",
    clause: "a creation with the first bytes keeps them, and has Location",
    versions: INTEROPS,
    steps: (version) => [
      create(version, false, "hello", [done, header("Location")]),
      head(version, [status(200, 204), offsetIs(5), tells(version, false)]),
    ],
  },
  {
    id: "R3b",
    level: "MUST",
    source: "Upload Creation",
    clause: "a creation without content has Location, and the offset 0",
    versions: INTEROPS,
    steps: (version) => [
      create(version, false, "", [done, header("Location")]),
      head(version, [status(200, 204), offsetIs(0), tells(version, false)]),
    ],
  },
  {
    id: "R3c",
    level: "MUST",
    source: "Upload Creation",
    clause: "a creation with everything in it is done in that request",
    versions: INTEROPS,
    steps: (version) => [create(version, true, TEXT, [done])],
  },
  {
    id: "R3d",
    level: "MUST",
    source: "Upload Creation",
    clause: "a creation without content that is complete is an empty representation",
    versions: INTEROPS,
    steps: (version) => [create(version, true, "", [done])],
  },
  {
    id: "R3e",
    level: "MUST",
    source: "Upload Creation, and RFC 9112, 7.1",
    clause: "the content of a creation may come chunked, without Content-Length",
    versions: INTEROPS,
    steps: (version) => [
      create(version, false, TEXT, [done, header("Location")], { sending: chunked }),
      head(version, [status(200, 204), offsetIs(11)]),
    ],
  },
  {
    id: "R3f",
    level: "SHOULD",
    source: "Upload Creation",
    clause: "a final answer says whether it comes of the whole representation",
    versions: CURRENT,
    steps: (version) => [create(version, true, TEXT, [done, tells(version, true)])],
  },
  {
    id: "R3g",
    level: "CUSTOM",
    source: "Upload Creation",
    clause: "type, name and coding of the representation are taken",
    versions: INTEROPS,
    steps: (version) => [
      create(version, false, TEXT, [done, header("Location")], {
        fields: [
          ["Content-Type", "text/plain"],
          ["Content-Disposition", 'inline; filename="world.txt"'],
        ],
      }),
    ],
  },
  {
    id: "R6a",
    level: "MUST",
    source: "Upload Creation",
    clause: "the answer to a creation that goes on has Location and Upload-Limit",
    versions: CURRENT,
    steps: (version) => [
      create(version, false, TEXT, [done, header("Location"), header("Upload-Limit", limits)]),
    ],
  },
  {
    id: "R6b",
    level: "SHOULD",
    source: "Upload Creation",
    clause: "the answer to a creation that goes on is 201",
    versions: CURRENT,
    steps: (version) => [create(version, false, TEXT, [status(201)])],
  },
  {
    id: "R6c",
    level: "SHOULD",
    source: "Upload Creation",
    clause: "the answer to a creation that goes on has Upload-Complete: ?0",
    versions: CURRENT,
    steps: (version) => [create(version, false, TEXT, [done, tells(version, false)])],
  },
  {
    id: "R6d",
    level: "MUST",
    source: "Upload Creation",
    clause: "the answer to a creation that goes on is 201 with the completeness and the offset",
    versions: OLDER,
    steps: (version) => [
      create(version, false, TEXT, [status(201), tells(version, false), offsetIs(11)]),
    ],
  },
];
