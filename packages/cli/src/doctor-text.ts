// Findings of an examination, for a person.
import type { Finding, Level } from "./doctor/finding.ts";
import { printable, type Terminal } from "./terminal.ts";

const COLORS: Readonly<Record<Level, string>> = { ok: "32", warn: "33", fail: "31", skip: "2" };
const NAME_WIDTH = 17;
const INDENT = " ".repeat(6 + NAME_WIDTH + 2);

/** One line, and below it what it means and what to do where something is not as it should be. */
export function findingText(
  { check, level, what, meaning, fix, storage }: Finding,
  terminal: Terminal,
): string {
  const mark = level.padEnd(4);
  const shown = terminal.hasColor ? `\u001b[${COLORS[level]}m${mark}\u001b[0m` : mark;
  const of = storage === undefined ? "" : `${storage}: `;
  const lines = [`${shown}  ${check.padEnd(NAME_WIDTH)}  ${of}${printable(what)}`];
  if (meaning !== undefined) lines.push(`${INDENT}${printable(meaning)}`);
  if (fix?.nginx !== undefined) lines.push(`${INDENT}nginx: ${fix.nginx}`);
  if (fix?.caddy !== undefined) lines.push(`${INDENT}Caddy: ${fix.caddy}`);
  if (fix) lines.push(`${INDENT}${printable(fix.other)}`);
  return `${lines.join("\n")}\n`;
}

export function diagnosisText(findings: readonly Finding[]): string {
  const count = (level: Level): number => findings.filter((one) => one.level === level).length;
  const [failures, warnings] = [count("fail"), count("warn")];
  const should = warnings > 0 ? `, ${warnings} should be` : "";
  if (failures > 0)
    return `\n${failures} ${failures === 1 ? "thing" : "things"} must be put right${should}.\n`;
  if (warnings > 0)
    return `\nIt works; ${warnings} ${warnings === 1 ? "thing" : "things"} could be better.\n`;
  return "\nAll is well.\n";
}
