import type { Step } from "../row.ts";
import { ask, done, gone, header, looks, notBeyond, settle, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { INTEROPS, type Interop, versionField } from "./interop.ts";
import { append, head, offsetIs, stays, TEXT, tells, upload } from "./requests.ts";

/** Leads to an append of which 5 bytes came, and which hangs. */
function hanging(version: Interop): readonly Step[] {
  return [
    upload(version),
    append(version, 0, false, "hello", [], {
      sending: { kind: "held", size: 11, name: "first" },
    }),
    head(version, [status(200, 204), offsetIs(5), tells(version, false)], { withinMs: 10_000 }),
  ];
}

export const KEPT: readonly Clause[] = [
  {
    id: "R13a",
    level: "SHOULD",
    source: "Upload Append",
    clause: "what came before a cut is appended",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      append(version, 0, false, "hello", [], { sending: { kind: "cut", size: 11 } }),
      head(version, [status(200, 204), offsetIs(5), tells(version, false)], { withinMs: 10_000 }),
    ],
  },
  {
    id: "R13b",
    level: "MUST",
    source: "Upload Append",
    clause: "an upload whose last append was cut is not complete",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      append(version, 0, true, "hello", [], { sending: { kind: "cut", size: 11 } }),
      head(version, [status(200, 204), tells(version, false)]),
    ],
  },
  {
    id: "R13c",
    level: "MUST",
    source: "Concurrency",
    clause: "an offset that was told is taken by the next append",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      append(version, 0, false, "hello", [], { sending: { kind: "cut", size: 11 } }),
      head(version, [status(200, 204)], { saveOffset: "at", withinMs: 10_000 }),
      append(version, "{at}", false, "!", [done]),
    ],
  },
  {
    id: "R13d",
    level: "MUST",
    source: "Offset",
    clause: "an offset never goes down",
    versions: INTEROPS,
    steps: (version) => [
      upload(version),
      append(version, 0, false, TEXT, [done]),
      append(version, 0, false, "hello", [status(409)]),
      append(version, 11, false, "!!", [], { sending: { kind: "cut", size: 20 } }),
      head(version, [header("Upload-Offset", looks(/^1[1-3]$/, "11 to 13"))]),
      append(version, 0, true, "", [status(409)]),
      head(version, [header("Upload-Offset", looks(/^1[1-3]$/, "11 to 13"))]),
    ],
  },
  {
    id: "R14a",
    level: "SHOULD",
    source: "Concurrency",
    clause: "HEAD is answered while an append hangs, with the bytes that came",
    versions: INTEROPS,
    steps: hanging,
  },
  {
    id: "R14b",
    level: "MUST",
    source: "Concurrency",
    clause:
      "the offset that HEAD told while an append hung is taken next, and the first append adds nothing",
    versions: INTEROPS,
    steps: (version) => [
      ...hanging(version),
      append(version, 5, false, " world", [done]),
      settle("first", [notBeyond(5)]),
      stays(version, 11),
    ],
  },
  {
    id: "R14c",
    level: "SHOULD",
    source: "Upload Cancellation",
    clause: "DELETE ends an append that hangs",
    versions: INTEROPS,
    steps: (version) => [
      ...hanging(version),
      ask("DELETE", "{a}", [versionField(version)], [done]),
      settle("first", [notBeyond(5)]),
      head(version, [gone]),
    ],
  },
];
