import { any, ask, done, interim, leads, limits, looks, noInterim } from "../write.ts";
import type { Clause } from "./clause.ts";
import { completeField, INTEROPS } from "./interop.ts";
import { append, create, TEXT, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

export const INTERIM: readonly Clause[] = [
  {
    id: "R5a",
    level: "SHOULD",
    source: "Upload Creation",
    clause: "a creation is told its upload by 104 before the final answer",
    versions: CURRENT,
    steps: (version) => [create(version, false, TEXT, [interim(104, "Location", any)])],
  },
  {
    id: "R5b",
    level: "MUST",
    source: "Upload Creation",
    clause: "the 104 of a creation has the Location of the final answer",
    versions: INTEROPS,
    needs: ["104"],
    steps: (version) => [
      create(version, false, TEXT, [done, interim(104, "Location", leads("a"))]),
    ],
  },
  {
    id: "R5c",
    level: "MUST",
    source: "Upload Creation",
    clause: "the 104 of a creation has Upload-Limit",
    versions: CURRENT,
    needs: ["104"],
    steps: (version) => [create(version, false, TEXT, [interim(104, "Upload-Limit", limits)])],
  },
  {
    id: "R5d",
    level: "MUST",
    source: "Draft Version Identification",
    clause: "the 104 of a creation has the interop version",
    versions: INTEROPS,
    needs: ["104"],
    steps: (version) => [
      create(version, false, TEXT, [interim(104, "Upload-Draft-Interop-Version", `${version}`)]),
    ],
  },
  {
    id: "R5e",
    level: "MUST",
    source: "Draft Version Identification",
    clause: "no 104 comes to who names no version, or one that nobody speaks",
    versions: INTEROPS,
    steps: (version) => [
      ask("POST", "{here}", [completeField(version, false)], [noInterim(104)], { body: TEXT }),
      ask(
        "POST",
        "{here}",
        [completeField(version, false), ["Upload-Draft-Interop-Version", "99"]],
        [noInterim(104)],
        { body: TEXT },
      ),
    ],
  },
  {
    id: "R7a",
    level: "SHOULD",
    source: "Upload Append",
    clause: "104 tells the offset while an append comes, without Location",
    versions: CURRENT,
    steps: (version) => [
      upload(version),
      append(
        version,
        0,
        false,
        "0123456789abcdef".repeat(4_096),
        [
          done,
          interim(104, "Upload-Offset", looks(/^\d+$/, "an Integer")),
          noInterim(104, "Location"),
        ],
        { sending: { kind: "trickle", until: "Upload-Offset", times: 150 } },
      ),
    ],
  },
  {
    id: "R5f",
    level: "SHOULD",
    source: "Upload Creation",
    clause:
      "a creation with everything in it is told its upload by 104, too: where else would it go on",
    versions: INTEROPS,
    needs: ["104"],
    steps: (version) => [create(version, true, TEXT, [done, interim(104, "Location", any)])],
  },
  {
    id: "R7c",
    level: "MUST",
    source: "Draft Version Identification",
    clause: "104 with an offset has the interop version",
    versions: CURRENT,
    needs: ["104"],
    steps: (version) => [
      upload(version),
      append(
        version,
        0,
        false,
        "0123456789abcdef".repeat(4_096),
        [done, interim(104, "Upload-Draft-Interop-Version", `${version}`)],
        { sending: { kind: "trickle", until: "Upload-Draft-Interop-Version", times: 150 } },
      ),
    ],
  },
  {
    id: "R7b",
    level: "MUST",
    source: "Status Code 104, and RFC 9110, 10.1.1",
    clause: "100 Continue comes to who expects it, 104 or not",
    versions: CURRENT,
    steps: (version) => [
      create(version, false, "hello", [done, interim(100, "", any)], {
        sending: { kind: "continue" },
      }),
      append(version, 5, false, " world", [done, interim(100, "", any)], {
        sending: { kind: "continue" },
      }),
    ],
  },
];
