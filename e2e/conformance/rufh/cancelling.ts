import { ask, done, gone, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { completeField, versionField } from "./interop.ts";
import { append, head, stays, TEXT, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

const OLDER = [3, 5, 6] as const;

export const CANCELLING: readonly Clause[] = [
  {
    id: "R15a",
    level: "SHOULD",
    source: "Upload Cancellation",
    clause: "DELETE is 2xx, and the upload takes nothing any more",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      ask("DELETE", "{a}", [versionField(version)], [done]),
      head(version, [gone]),
      append(version, 0, true, TEXT, [gone]),
    ],
  },
  {
    id: "R15b",
    level: "MUST",
    source: "Upload Cancellation",
    clause: "DELETE is 204, and the upload is 404 from then on",
    versions: OLDER,
    steps: (version) => [
      upload(version),
      ask("DELETE", "{a}", [versionField(version)], [status(204)]),
      head(version, [status(404)]),
    ],
  },
  {
    id: "R15c",
    level: "MUST",
    source: "Upload Cancellation",
    clause: "a DELETE with Upload-Offset or a completeness is 400",
    versions: OLDER,
    steps: (version) => [
      upload(version),
      ask("DELETE", "{a}", [versionField(version), ["Upload-Offset", "0"]], [status(400)]),
      ask("DELETE", "{a}", [versionField(version), completeField(version, true)], [status(400)]),
      stays(version, 0),
    ],
  },
];
