// Resumable uploads: asking for the offset.
import { ask, done, gone, header, limits, lists, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { completeField, INTEROPS, versionField } from "./interop.ts";
import { append, appended, head, offsetIs, TEXT, tells, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

const OLDER = [3, 5, 6] as const;

export const RETRIEVAL: readonly Clause[] = [
  {
    id: "R8a",
    level: "MUST",
    source: "Offset Retrieval",
    clause: "HEAD has the offset and the completeness",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      appended(version, 0, "hello"),
      head(version, [status(200, 204), offsetIs(5), tells(version, false)]),
    ],
  },
  {
    id: "R8b",
    level: "MUST",
    source: "Offset Retrieving Procedure",
    clause: "HEAD is 204",
    versions: [3],
    steps: (version) => [upload(version), head(version, [status(204)])],
  },
  {
    id: "R8c",
    level: "MUST",
    source: "Offset Retrieval",
    clause: "GET of the upload has them, too: the offset and the completeness",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      appended(version, 0, "hello"),
      ask(
        "GET",
        "{a}",
        [versionField(version)],
        [status(200, 204), offsetIs(5), tells(version, false)],
      ),
    ],
  },
  {
    id: "R8i",
    level: "MUST",
    source: "Offset Retrieval",
    clause: "HEAD and GET have offset, completeness, length and limits together",
    versions: CURRENT,
    steps: (version) => {
      const all = (offset: number, isComplete: boolean) => [
        ...[status(200, 204), offsetIs(offset), tells(version, isComplete)],
        ...[header("Upload-Length", "11"), header("Upload-Limit", limits)],
      ];
      return [
        upload(version, [["Upload-Length", "11"]]),
        appended(version, 0, "hello"),
        head(version, all(5, false)),
        ask("GET", "{a}", [versionField(version)], all(5, false)),
      ];
    },
  },
  {
    id: "R8j",
    level: "MUST",
    source: "Offset Retrieval",
    clause: "HEAD of a complete upload still has its offset and its length",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(version, 0, true, TEXT, [done]),
      head(version, [status(200, 204), offsetIs(11), header("Upload-Length", "11")]),
    ],
  },
  {
    id: "R8d",
    level: "SHOULD",
    source: "Offset Retrieval",
    clause: "Cache-Control of HEAD is no-store",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      head(version, [header("Cache-Control", lists("no-store"))]),
    ],
  },
  {
    id: "R8e",
    level: "CUSTOM",
    source: "Upload Resource",
    clause: "an upload that is complete says so",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      append(version, 0, true, TEXT, [done]),
      head(version, [status(200, 204), offsetIs(11), tells(version, true)]),
    ],
  },
  {
    id: "R8f",
    level: "MUST",
    source: "Offset Retrieval",
    clause: "a HEAD that has Upload-Offset or a completeness is 400",
    versions: OLDER,
    steps: (version) => [
      upload(version),
      head(version, [status(400)], { fields: [["Upload-Offset", "0"]] }),
      head(version, [status(400)], { fields: [completeField(version, false)] }),
    ],
  },
  {
    id: "R8g",
    level: "MUST",
    source: "Offset Retrieval, Upload Append",
    clause: "what is no upload is 404",
    versions: OLDER,
    steps: (version) => [
      upload(version),
      ask("HEAD", "{a}0", [versionField(version)], [status(404)]),
      { ...append(version, 0, false, TEXT, [status(404)]), to: "{a}0" },
    ],
  },
  {
    id: "R8h",
    level: "CUSTOM",
    source: "Offset Retrieval, Upload Append",
    clause: "what is no upload is 404, 410 or 403",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      ask("HEAD", "{a}0", [versionField(version)], [gone]),
      { ...append(version, 0, false, TEXT, [gone]), to: "{a}0" },
    ],
  },
];
