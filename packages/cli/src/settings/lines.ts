// On which line of a TOML text a key stands: its parser tells that only of what it cannot read.

const NAME = /"(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+/g;
const HEADER = /^\s*\[\[?([^[\]]+)\]/;
const KEY = /^\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/;

function namesOf(dotted: string): readonly string[] {
  return (dotted.match(NAME) ?? []).map((name) => name.replace(/^(["'])(.*)\1$/, "$2"));
}

/** Line from 1, or undefined. What stands within an inline table is found where that begins. */
export function lineOf(text: string, path: readonly string[]): number | undefined {
  let table: readonly string[] = [];
  let around: number | undefined;
  for (const [at, line] of text.split("\n").entries()) {
    const header = HEADER.exec(line)?.[1];
    if (header !== undefined) table = namesOf(header);
    const key = header === undefined ? KEY.exec(line)?.[1] : undefined;
    if (header === undefined && key === undefined) continue;
    const full = key === undefined ? table : [...table, ...namesOf(key)];
    if (!full.every((name, depth) => name === path[depth])) {
      // The header of a deeper table is what brought this one about.
      if (!path.every((name, depth) => name === full[depth])) continue;
      around ??= at + 1;
    }
    if (full.length === path.length) return at + 1;
    around ??= key === undefined ? undefined : at + 1;
  }
  return around;
}
