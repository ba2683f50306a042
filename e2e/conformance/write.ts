// The words that rows are written in.
import type { Field } from "./message.ts";
import type { Ask, Check, Match, Row, Sending, Settle, Slice, Step } from "./row.ts";

type Rest = Partial<Pick<Ask, "sending" | "save" | "saveOffset" | "withinMs" | "body">>;

export function ask(
  method: string,
  to: string,
  fields: readonly Field[],
  expect: readonly Check[],
  rest: Rest = {},
): Ask {
  const sending: Sending = { kind: "length" };
  return { kind: "ask", isGiven: false, method, to, fields, body: "", sending, expect, ...rest };
}

/** The same request as one that only leads to what the clause is about. */
export function given(step: Ask): Ask {
  return { ...step, isGiven: true };
}

export function settle(name: string, expect: readonly Check[]): Settle {
  return { kind: "settle", name, expect };
}

export function status(...anyOf: readonly number[]): Check {
  return { kind: "status", anyOf };
}

export const done: Check = status(200, 201, 202, 204);
export const gone: Check = status(403, 404, 410);
/** Refused for what the client sent, in whatever words. */
export const refused: Check = status(400, 409, 411, 413, 415, 422);

/** See `Check`. */
export function notBeyond(offset: number): Check {
  return { kind: "notBeyond", offset };
}

/** See `Check`. */
export const ended: Check = { kind: "ended" };

export function perhaps(name: string, value: string | Match): Check {
  return { kind: "perhaps", name, value: matching(value) };
}

export function bodyIs(text: string): Check {
  return { kind: "body", text };
}

/** See `Check`. */
export function slice(start: number, end?: number): Check {
  return { kind: "slice", start, end };
}

/** See `Check`. */
export function byteranges(...slices: readonly Slice[]): Check {
  return { kind: "byteranges", slices };
}

/** See `Check`. */
export const notLarger: Check = { kind: "notLarger" };

export function header(name: string, value: string | Match = { kind: "any" }): Check {
  return { kind: "header", name, value: matching(value) };
}

export function absent(name: string): Check {
  return { kind: "absent", name };
}

export function interim(status: number, name: string, value: string | Match): Check {
  return { kind: "interim", status, name, value: matching(value) };
}

export function noInterim(status: number, name = ""): Check {
  return { kind: "noInterim", status, name };
}

export function member(name: string, value: string | Match): Check {
  return { kind: "member", name, value: matching(value) };
}

export function lists(member: string): Match {
  return { kind: "lists", member };
}

export function looks(like: RegExp, what: string): Match {
  return { kind: "looks", like, what };
}

export const any: Match = { kind: "any" };
export const date: Match = { kind: "date" };
export const withinMax: Match = { kind: "withinMax" };
export const limits: Match = { kind: "limits" };

export function leads(name: string): Match {
  return { kind: "leads", name };
}

function matching(value: string | Match): Match {
  return typeof value === "string" ? { kind: "is", text: value } : value;
}

type WriteRow = (
  id: string,
  level: Row["level"],
  source: string,
  clause: string,
  steps: readonly Step[],
  needs?: readonly string[],
) => Row;

/** For rows of one specification that all need the same, and some more. */
export function rowsOf(specification: string, always: readonly string[]): WriteRow {
  return (id, level, source, clause, steps, needs = []) => ({
    id,
    clause,
    source: `${specification}, ${source}`,
    level,
    needs: [...always, ...needs],
    steps,
  });
}
