// Resumable uploads: headers are structured fields.
import { absent, ask, done, header, noInterim, refused, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { typeFields, versionField } from "./interop.ts";
import { append, create, head, offsetIs, stays, TEXT, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

export const FIELDS: readonly Clause[] = [
  {
    id: "R1a",
    level: "MUST",
    source: "Offset",
    clause: "an Upload-Offset that is no non-negative Integer is ignored: the append has none",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      ...['"0"', "-1", "0.0", "?0", "0, 0", "zero"].map((value) =>
        append(version, value, false, TEXT, [refused]),
      ),
      stays(version, 0),
    ],
  },
  {
    id: "R1b",
    level: "MUST",
    source: "Completeness",
    clause: "an Upload-Complete that is no Boolean is ignored: it completes nothing",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      ...["1", "true", '"?1"', "?1, ?1"].map((value) =>
        ask(
          "PATCH",
          "{a}",
          [
            versionField(version),
            ...typeFields(version),
            ["Upload-Offset", "0"],
            ["Upload-Complete", value],
          ],
          [],
        ),
      ),
      stays(version, 0),
    ],
  },
  {
    id: "R1c",
    level: "MUST",
    source: "Length",
    clause: "an Upload-Length that is no non-negative Integer is ignored",
    versions: CURRENT,
    steps: (version) => [
      create(version, false, "", [done, header("Location")], {
        fields: [["Upload-Length", '"11"']],
      }),
      head(version, [status(200, 204), offsetIs(0), absent("Upload-Length")]),
    ],
  },
  {
    id: "R1e",
    level: "MUST",
    source: "Completeness",
    clause: "an append whose Upload-Complete is no Boolean, or is not there, appends nothing",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      ...[[], ...["1", "true", '"?1"', "?1, ?1", "?2", ""].map((value) => [value])].map(([value]) =>
        ask(
          "PATCH",
          "{a}",
          [
            versionField(version),
            ...typeFields(version),
            ["Upload-Offset", "0"],
            ...(value === undefined ? [] : [["Upload-Complete", value] as const]),
          ],
          [refused],
          { body: TEXT },
        ),
      ),
      stays(version, 0),
    ],
  },
  {
    id: "R1f",
    level: "MUST",
    source: "Length",
    clause: "an Upload-Length of an append that is no non-negative Integer is ignored",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(version, 0, false, "hello", [done], { fields: [["Upload-Length", "-11"]] }),
      append(version, 5, false, " wor", [done], { fields: [["Upload-Length", "11.0"]] }),
      head(version, [status(200, 204), offsetIs(9), absent("Upload-Length")]),
    ],
  },
  {
    id: "R1g",
    level: "MUST",
    source: "Completeness",
    clause: "a creation whose Upload-Complete is no Boolean is none that can be resumed",
    versions: CURRENT,
    steps: (version) => [
      ask(
        "POST",
        "{here}",
        [versionField(version), ["Upload-Complete", "yes"]],
        [noInterim(104), absent("Upload-Complete")],
        { body: TEXT },
      ),
    ],
  },
  {
    id: "R1d",
    level: "MUST",
    source: "Upload State, and RFC 9651, 3.1.2",
    clause: "parameters that nobody knows change nothing of an Item",
    versions: CURRENT,
    steps: (version) => [upload(version), append(version, "0;x=1", false, TEXT, [done])],
  },
];
