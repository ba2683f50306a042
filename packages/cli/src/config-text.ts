// The settings of a command as a person or a program reads them, without the secrets.
import { shownDatabase } from "./database.ts";
import { formatDuration } from "./durations.ts";
import type { Value } from "./settings/kinds.ts";
import type { Settings } from "./settings/resolve.ts";
import { SETTING_NAMES, type SettingRow, settingRow } from "./settings/table.ts";
import { formatRate, formatSize } from "./sizes.ts";
import { printable } from "./terminal.ts";

export interface SettingFact {
  readonly name: string;
  /** Undefined where it is secret. */
  readonly value: Value | null;
  readonly shown: string;
  readonly layer: string;
  readonly from: string;
}

export function settingFacts(settings: Settings): readonly SettingFact[] {
  return SETTING_NAMES.flatMap((name) => {
    const found = settings.of(name);
    if (!found) return [];
    const row = settingRow(name);
    const { layer, from } = found;
    const value = row.kind === "database" ? shownDatabase(String(found.value)) : found.value;
    const shown = row.isSecret ? "(set, not shown)" : showValue(row, value);
    return [{ name, value: row.isSecret ? null : value, shown, layer, from }];
  });
}

function showValue({ kind }: SettingRow, value: Value): string {
  if (typeof value === "number" && kind === "size") return formatSize(value);
  if (typeof value === "number" && kind === "rate") return formatRate(value);
  if (typeof value === "number" && kind === "duration") return formatDuration(value);
  return printable(typeof value === "object" ? value.join(", ") : String(value));
}

/** Names, values and, where asked for, origins in columns. */
export function configTable(facts: readonly SettingFact[], hasOrigin: boolean): string {
  const width = (texts: readonly string[]): number =>
    Math.max(...texts.map(({ length }) => length));
  const names = width(facts.map(({ name }) => name));
  const values = width(facts.map(({ shown }) => shown));
  return facts
    .map(({ name, shown, layer, from }) => {
      const line = `${name.padEnd(names)}  ${hasOrigin ? shown.padEnd(values) : shown}`;
      if (!hasOrigin) return `${line}\n`;
      return `${line}  ${layer === "default" ? layer : `${layer} (${printable(from)})`}\n`;
    })
    .join("");
}
