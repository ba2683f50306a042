// What an examination finds: how it is, what that means, what to do about it.

export type Level = "ok" | "warn" | "fail" | "skip";

/** What to write where, by who stands in between. */
export interface Fix {
  readonly nginx?: string;
  readonly caddy?: string;
  /** For everybody else, and where nobody stands in between. */
  readonly other: string;
}

export interface Finding {
  readonly check: string;
  readonly level: Level;
  readonly what: string;
  /** What follows from it; said of what is not as it should be. */
  readonly meaning?: string;
  readonly fix?: Fix;
  /** What is to blame, where that is known. */
  readonly setting?: string;
  /** Which of several storages it is about. */
  readonly storage?: string;
}

export function ok(check: string, what: string): Finding {
  return { check, level: "ok", what };
}

/** Not tried, and why. */
export function skip(check: string, what: string): Finding {
  return { check, level: "skip", what };
}

export function warn(check: string, what: string, meaning: string, fix: Fix): Finding {
  return { check, level: "warn", what, meaning, fix };
}

export function fail(check: string, what: string, meaning: string, fix: Fix): Finding {
  return { check, level: "fail", what, meaning, fix };
}

export function hasFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ level }) => level === "fail");
}
