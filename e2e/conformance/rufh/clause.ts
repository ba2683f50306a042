// A clause of the draft, and the interop versions that have it: each of them is a row of its own, since each of them is a promise to other clients.
import type { Row, Step } from "../row.ts";
import { DRAFTS, type Interop } from "./interop.ts";

export interface Clause {
  /** The row's id is this and the interop version. */
  readonly id: string;
  readonly level: Row["level"];
  readonly source: string;
  readonly clause: string;
  readonly versions: readonly Interop[];
  /** Beside the version itself; `104` stands for "sends it in that version". */
  readonly needs?: readonly string[];
  readonly isSlow?: true;
  steps(version: Interop): readonly Step[];
}

export function rowsOfClauses(clauses: readonly Clause[]): readonly Row[] {
  return clauses.flatMap(({ versions, steps, needs = [], source, ...rest }) =>
    versions.map((version) => ({
      ...rest,
      id: `${rest.id}/${version}`,
      source: `draft ${DRAFTS[version]} (interop ${version}), ${source}`,
      needs: [
        `interop:${version}`,
        ...needs.map((need) => (need === "104" ? `104:${version}` : need)),
      ],
      steps: steps(version),
    })),
  );
}
