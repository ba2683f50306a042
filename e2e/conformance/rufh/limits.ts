// Resumable uploads: limits, and codings.
import { any, ask, done, header, limits, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { versionField } from "./interop.ts";
import { create, head, offsetIs, tells, upload } from "./requests.ts";

const CURRENT = [8] as const;

/** The largest Integer of structured fields: max-size may be exceeded a little where a length is known, "might not create" it says. */
const SIZE_FAR_ABOVE = 999_999_999_999_999;

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
    versions: [6, 8],
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
    versions: [6, 8],
    needs: ["content-coding"],
    steps: (version) => [
      create(version, false, "\x1f\x8b\x08\x00hello", [done, header("Location")], {
        fields: [["Content-Encoding", "gzip"]],
      }),
      head(version, [status(200, 204), offsetIs(9), tells(version, false)]),
    ],
  },
];
