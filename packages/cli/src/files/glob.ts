// Patterns as shells have them, as regular expressions: `*`, `?`, `[a-z]`, `{a,b}` and `**` for any depth.
import { HoldfastError } from "@holdfast/protocol";

/** Longer ones are no pattern that a person wrote; nested choices would multiply. */
const PATTERN_MAX = 1024;

/** Whether a word has anything that makes it a pattern. */
export function isPattern(word: string): boolean {
  return /[*?[{]/.test(word);
}

/**
 * Matches whole paths with `/` between their names. Names that begin with a dot are names like any other.
 *
 * @throws HoldfastError `usage` for a pattern that no file could ever match
 */
export function compileGlob(pattern: string): RegExp {
  if (pattern === "" || pattern.length > PATTERN_MAX) throw malformed(pattern);
  try {
    return new RegExp(`^(?:${sourceOf(pattern)})$`, "su");
  } catch (cause) {
    throw malformed(pattern, cause);
  }
}

function malformed(pattern: string, cause?: unknown): HoldfastError {
  const shown = pattern.slice(0, 100);
  return new HoldfastError("usage", `"${shown}" is not a pattern`, {}, cause);
}

/** One token of a pattern at a time; what is none stands for itself. */
const TOKEN = /\*\*\/|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|[{},]|\\.|./gsu;

function sourceOf(pattern: string): string {
  let depth = 0;
  let source = "";
  for (const [token] of pattern.matchAll(TOKEN)) {
    if (token === "{") depth++;
    if (token === "}" && depth === 0) source += "\\}";
    else source += translate(token, depth > 0);
    if (token === "}" && depth > 0) depth--;
  }
  return source;
}

function translate(token: string, isInChoice: boolean): string {
  switch (token) {
    case "**/":
      return "(?:.*/)?";
    case "**":
      return ".*";
    case "*":
      return "[^/]*";
    case "?":
      return "[^/]";
    case "{":
      return "(?:";
    case "}":
      return ")";
    case ",":
      return isInChoice ? "|" : ",";
  }
  if (token.length > 2 && token.startsWith("[")) return classOf(token.slice(1, -1));
  return quote(token.length > 1 && token.startsWith("\\") ? token.slice(1) : token);
}

/** `[a-z]`, `[!a-z]`: of all that is special in a class only `-` keeps its meaning. */
function classOf(inside: string): string {
  const isNot = /^[!^]/.test(inside);
  const letters = (isNot ? inside.slice(1) : inside).replace(/[\\\]^[]/g, "\\$&");
  return isNot ? `(?!/)[^${letters}]` : `[${letters}]`;
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
