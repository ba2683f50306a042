// Resumable uploads: limits, and codings.
import { any, ask, done, header, limits, looks, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { versionField } from "./interop.ts";
import { append, create, head, offsetIs, tells, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

/** The largest Integer of structured fields: max-size may be exceeded a little where a length is known, "might not create" it says. */
const SIZE_FAR_ABOVE = 999_999_999_999_999;

const MAX_SIZE = looks(/(?:^|[, ])max-size=\d+/, "a dictionary with max-size");

/** Of which `max-size:small` has at most 512. */
const PIECE = "0123456789abcdef".repeat(4_096);

export const LIMITS: readonly Clause[] = [
  {
    id: "R2a",
    level: "MUST",
    source: "Limits",
    clause: "Upload-Limit is a Dictionary with Integers, never empty",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      head(version, [status(200, 204), header("Upload-Limit", limits)]),
    ],
  },
  {
    id: "R2b",
    level: "CUSTOM",
    source: "Limits",
    clause: "a creation far above max-size is 413 at once",
    versions: CURRENT,
    needs: ["max-size"],
    steps: (version) => [
      create(version, false, "", [status(413)], {
        fields: [["Upload-Length", `${SIZE_FAR_ABOVE}`]],
      }),
    ],
  },
  {
    id: "R2c",
    level: "CUSTOM",
    source: "Limits",
    clause: "a creation of max-size itself is taken",
    versions: CURRENT,
    needs: ["max-size", "max-size:small"],
    steps: (version) => [
      create(version, false, "", [done, header("Location")], {
        fields: [["Upload-Length", "{max}"]],
      }),
    ],
  },
  {
    id: "R2d",
    level: "MUST",
    source: "Limits",
    clause:
      "answers to creation and to HEAD have the same kinds of limits, before bytes and after them",
    versions: CURRENT,
    needs: ["max-size"],
    steps: (version) => [
      create(version, false, "hello", [done, header("Upload-Limit", MAX_SIZE)]),
      head(version, [header("Upload-Limit", MAX_SIZE)]),
      append(version, 5, false, " world", [done]),
      head(version, [header("Upload-Limit", MAX_SIZE), offsetIs(11)]),
    ],
  },
  {
    id: "R12d",
    level: "MUST",
    source: "Limits, Upload Append",
    clause:
      "where bytes beyond max-size come unannounced, they are refused, and the upload is invalid from then on",
    versions: CURRENT,
    needs: ["max-size", "max-size:small"],
    steps: (version) => [
      upload(version),
      append(version, 0, false, PIECE, [status(400, 413)], {
        sending: { kind: "exceed" },
      }),
      head(version, [status(400, 403, 404, 409, 410)], { withinMs: 5_000 }),
    ],
  },
  {
    id: "R16c",
    level: "CUSTOM",
    source: "Limits, and RFC 9110, 9.3.7",
    clause: "OPTIONS of the server as a whole has Upload-Limit, for who knows no resource yet",
    versions: CURRENT,
    steps: (version) => [
      ask("OPTIONS", "*", [versionField(version)], [done, header("Upload-Limit", limits)]),
    ],
  },
  {
    id: "R17",
    level: "SHOULD",
    source: "Limits",
    clause: "a 413 has Upload-Limit",
    versions: CURRENT,
    needs: ["max-size"],
    steps: (version) => [
      create(version, false, "", [status(413), header("Upload-Limit", limits)], {
        fields: [["Upload-Length", `${SIZE_FAR_ABOVE}`]],
      }),
    ],
  },
  {
    id: "R16a",
    level: "MUST",
    source: "Limits",
    clause: "OPTIONS of where uploads are created has Upload-Limit",
    versions: [6, 8, 9],
    steps: (version) => [
      ask("OPTIONS", "{here}", [versionField(version)], [done, header("Upload-Limit", limits)]),
    ],
  },
  {
    id: "R16b",
    level: "CUSTOM",
    source: "Changes since -11",
    clause: "OPTIONS of an upload, or of where they are created, has Accept-Patch",
    versions: CURRENT,
    steps: (version) => [
      ask("OPTIONS", "{here}", [versionField(version)], [done, header("Accept-Patch", any)]),
    ],
  },
  {
    id: "R19a",
    level: "MUST",
    source: "Content Codings",
    clause: "offsets count the coded bytes, as they come",
    versions: [6, 8, 9],
    needs: ["content-coding"],
    steps: (version) => [
      create(version, false, "\x1f\x8b\x08\x00hello", [done, header("Location")], {
        fields: [["Content-Encoding", "gzip"]],
      }),
      head(version, [status(200, 204), offsetIs(9), tells(version, false)]),
    ],
  },
];
