// The log: one line an event, without ids that open anything and without secrets.
import { hash } from "node:crypto";
import type { Log } from "@holdfast/engine";

export type LogLevel = "silent" | "error" | "warn" | "info" | "debug";

const RANKS: Readonly<Record<LogLevel, number>> = {
  silent: 0,
  error: 1,
  warn: 2,
  info: 3,
  debug: 4,
};

export interface LogOptions {
  readonly level: LogLevel;
  /** JSON for programs, by default; text for people. */
  readonly format?: "json" | "text";
  /** Texts that no line may show. */
  readonly secrets?: readonly string[];
  readonly write?: (line: string) => void;
}

/** One line an event, on standard error. */
export function createLog({ level, format, secrets = [], write = toStderr }: LogOptions): Log {
  const show = format === "text" ? asText : JSON.stringify;
  return (of, event, fields = {}) => {
    if (RANKS[of] > RANKS[level]) return;
    const line = { time: new Date().toISOString(), level: of, event, ...plain(fields) };
    write(escapeUnseen(hideIds(hideSecrets(show(line), secrets))));
  };
}

/** Time, level and event, then the rest as `name=value`. Whatever is not plain is quoted as JSON: no value can look like another line or another field. */
function asText({ time, level, event, ...fields }: Record<string, unknown>): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${textOf(value)}`);
  const shown = `${level}`.toUpperCase().padEnd(5);
  return [time, shown, textOf(event), ...rest].join(" ");
}

function textOf(value: unknown): string {
  if (typeof value === "string" && /^[\w.,:;/@*+-]+(?: [\w.,:;/@*+-]+)*$/.test(value)) return value;
  return JSON.stringify(value);
}

/** What JSON leaves as it is, and a terminal or a viewer takes for a command, a new line or another direction. Inside quotes it means the same. */
function escapeUnseen(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (letter) =>
    letter.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

function toStderr(line: string): void {
  if (!process.stderr.listeners("error").includes(goOn)) process.stderr.on("error", goOn);
  process.stderr.write(`${line}\n`);
}

function goOn(): void {
  // Whoever read the log is gone, or its disk is full. That is no reason for a server to end, as it would if nobody listened.
}

function plain(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, plainValue(value)]),
  );
}

/** Errors have no members that JSON sees, and their causes are the point of logging them. */
function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  const code = "code" in value ? value.code : undefined;
  const details = "details" in value ? value.details : undefined;
  const { name, message, stack, cause } = value;
  return { name, code, message, details, stack, cause: plainValue(cause) };
}

/** An id is a key: whoever reads the log must not be able to use it. The same id always shows the same 8 digits. */
function hideIds(line: string): string {
  return line.replace(/(?<![a-z0-9])[a-z2-7]{25}[aeimquy4](?![a-z0-9])/g, (id) =>
    hash("sha256", id, "hex").slice(0, 8),
  );
}

/** Whatever looks like a credential, wherever it stands: in an address, a header, a message of somebody else's. */
const CREDENTIALS: readonly (readonly [RegExp, string])[] = [
  [/(Bearer|Basic)[ ]+[^\s"\\]+/gi, "$1 ***"],
  [/(hf_[a-z2-7]{8}_)[a-z2-7]+/g, "$1***"],
  [/(:\/\/[^\s/:@"\\]*:)[^\s/@"\\]+@/g, "$1***@"],
  [/([?&;](?:sig|token|password|access_token|X-Amz-[A-Za-z-]+)=)[^&\s"\\]*/gi, "$1***"],
  [/("(?:authorization|cookie|set-cookie|sig|token|secret)":)"(?:[^"\\]|\\.)*"/gi, '$1"***"'],
];

function hideSecrets(line: string, secrets: readonly string[]): string {
  let clean = line;
  for (const [pattern, shown] of CREDENTIALS) clean = clean.replace(pattern, shown);
  for (const secret of secrets) {
    clean = clean.replaceAll(JSON.stringify(secret).slice(1, -1), "***");
  }
  return clean;
}
