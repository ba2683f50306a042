// Errors as RFC 9457 problem documents, both ways.
import { type ErrorCode, errorRow, HoldfastError, isErrorCode } from "./errors.ts";

export const PROBLEM_TYPE = "application/problem+json";

export interface Problem {
  readonly [member: string]: unknown;
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint: string;
}

/** The problem document of an error; its details become members, but never over the standard ones. What never crosses the wire is `internal` there. */
export function encodeProblem(error: HoldfastError): Problem {
  const row = errorRow(error.code);
  if (row.status === 0) return encodeProblem(new HoldfastError("internal"));
  return {
    ...error.details,
    type: `urn:holdfast:error:${error.code}`,
    title: row.title,
    status: row.status,
    code: error.code,
    detail: error.message,
    hint: row.hint,
  };
}

const STANDARD = new Set(["type", "title", "status", "code", "detail", "hint"]);

/** The error that a problem document tells of, or undefined where it is none of ours. */
export function decodeProblem(body: unknown): HoldfastError | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const members = new Map<string, unknown>(Object.entries(body));
  const code = members.get("code");
  if (!isErrorCode(code) || errorRow(code).status === 0) return undefined;
  const detail = members.get("detail");
  const details = Object.fromEntries([...members].filter(([name]) => !STANDARD.has(name)));
  return new HoldfastError(code, typeof detail === "string" ? detail : undefined, details);
}
