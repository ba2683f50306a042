// All vector files by name, and the text they are stored as.
import { byteRanges } from "./byte-ranges.ts";
import { digests } from "./digests.ts";
import { grid } from "./grid.ts";
import { ids } from "./ids.ts";
import { manifests } from "./manifests.ts";
import { partSets } from "./part-sets.ts";
import { errors, problems } from "./problems.ts";
import { requests } from "./requests.ts";
import { proofs, roots } from "./roots.ts";
import { runs } from "./runs.ts";
import { uploads } from "./uploads.ts";

export const VECTORS: ReadonlyMap<string, object> = new Map([
  ["byte-ranges.json", byteRanges],
  ["digests.json", digests],
  ["errors.json", errors],
  ["grid.json", grid],
  ["ids.json", ids],
  ["manifests.json", manifests],
  ["part-sets.json", partSets],
  ["problems.json", problems],
  ["proofs.json", proofs],
  ["requests.json", requests],
  ["roots.json", roots],
  ["runs.json", runs],
  ["uploads.json", uploads],
]);

/** JSON with one vector a line, in ASCII: a change of one vector is a change of one line, and no editor can normalize what must not be. */
export function layOut(value: unknown, indent = ""): string {
  const inner = `${indent}  `;
  const isCase = indent !== "" && !Array.isArray(value);
  if (typeof value !== "object" || value === null || (isCase && !hasGroups(value)))
    return ascii(JSON.stringify(value));
  const lines = Array.isArray(value)
    ? value.map((item) => `${inner}${ascii(JSON.stringify(item))}`)
    : Object.entries(value).map(
        ([name, member]) => `${inner}${ascii(JSON.stringify(name))}: ${layOut(member, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return lines.length === 0
    ? `${open}${close}`
    : `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}

function hasGroups(value: object): boolean {
  return Object.values(value).every((member) => typeof member === "object");
}

function ascii(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
