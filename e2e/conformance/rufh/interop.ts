// How each interop version of the draft says the same: what a row of one clause sends to a server of each.
import type { Field } from "../message.ts";

/** Those that clients in the field speak, and the current one. */
export const INTEROPS = [3, 5, 6, 8, 9] as const;
export type Interop = (typeof INTEROPS)[number];

/** The text that the rows of a version were read from. */
export const DRAFTS: Readonly<Record<Interop, string>> = {
  ...{ 3: "-01", 5: "-03", 6: "-05" },
  ...{ 8: "-11 and the editors' copy of 2026-07-01", 9: "-12" },
};

export function versionField(version: Interop): Field {
  return ["Upload-Draft-Interop-Version", `${version}`];
}

/** Whether the upload ends with this: its opposite, Upload-Incomplete, in draft -01. */
export function completeField(version: Interop, isComplete: boolean): Field {
  if (version === 3) return ["Upload-Incomplete", isComplete ? "?0" : "?1"];
  return ["Upload-Complete", isComplete ? "?1" : "?0"];
}

/** The headers of a creation. */
export function createWith(version: Interop, isComplete: boolean): readonly Field[] {
  return [versionField(version), completeField(version, isComplete)];
}

/** What an append is labelled with since draft -04; before it any label did, and clients send none. */
export function typeFields(version: Interop): readonly Field[] {
  return version >= 6 ? [["Content-Type", "application/partial-upload"]] : [];
}
