import type { Field } from "../message.ts";
import type { Ask } from "../row.ts";
import { ask, header, lists, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { head, upload } from "./requests.ts";

const CURRENT = [8, 9] as const;

const ORIGIN: Field = ["Origin", "https://page.example"];

const SENT = [
  "Content-Type",
  "Upload-Complete",
  "Upload-Incomplete",
  "Upload-Offset",
  "Upload-Length",
  "Upload-Draft-Interop-Version",
];

const READ = ["Location", "Upload-Offset", "Upload-Complete", "Upload-Incomplete", "Upload-Limit"];

/** HEAD needs none: the Fetch standard lets any page ask by it. */
function preflight(to: string, method: string): Ask {
  return ask(
    "OPTIONS",
    to,
    [ORIGIN, ["Access-Control-Request-Method", method]],
    [
      status(200, 204),
      header("Access-Control-Allow-Origin"),
      header("Access-Control-Allow-Methods", lists(method)),
      ...SENT.map((name) => header("Access-Control-Allow-Headers", lists(name))),
    ],
  );
}

export const PAGES: readonly Clause[] = [
  {
    id: "Q2a",
    level: "CUSTOM",
    source: "and the Fetch standard, CORS protocol",
    clause: "a preflight allows what clients send",
    versions: CURRENT,
    needs: ["cors"],
    steps: (version) => [
      upload(version),
      preflight("{here}", "POST"),
      preflight("{a}", "PATCH"),
      preflight("{a}", "DELETE"),
    ],
  },
  {
    id: "Q2b",
    level: "CUSTOM",
    source: "and the Fetch standard, CORS protocol",
    clause: "answers expose what pages read",
    versions: CURRENT,
    needs: ["cors"],
    steps: (version) => [
      upload(version),
      head(
        version,
        READ.map((name) => header("Access-Control-Expose-Headers", lists(name))),
        { fields: [ORIGIN] },
      ),
    ],
  },
];
