// Resumable uploads: what the security considerations ask for, as far as it is seen from outside.
import { ask, done, ended, header, looks, settle } from "../write.ts";
import type { Clause } from "./clause.ts";
import { createWith, INTEROPS } from "./interop.ts";
import { append, stays, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

/** After so long nobody counts on an append any more; the draft says no number. */
const STOPPED_MS = 90_000;

export const SECURITY: readonly Clause[] = [
  {
    id: "R20a",
    level: "SHOULD",
    source: "Security Considerations",
    clause: "an append that stops is ended after a while, and what came stays",
    versions: CURRENT,
    isSlow: true,
    steps: (version) => [
      upload(version),
      append(version, 0, false, "hello", [], {
        sending: { kind: "held", size: 11, name: "stopped", patienceMs: STOPPED_MS },
      }),
      settle("stopped", [ended]),
      stays(version, 5),
    ],
  },
  {
    id: "R20b",
    level: "CUSTOM",
    source: "Security Considerations",
    clause: "an upload's address is long enough that nobody guesses it",
    versions: INTEROPS,
    steps: (version) => [
      ask("POST", "{here}", createWith(version, false), [
        done,
        header("Location", looks(/[A-Za-z0-9_-]{21,}/, "so long")),
      ]),
    ],
  },
];
