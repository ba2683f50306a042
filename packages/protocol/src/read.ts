// Reads fields out of parsed JSON that nobody vouches for.
import { HoldfastError } from "./errors.ts";

/** The own members of an object; a map, so that no name can reach a prototype. */
export type Fields = ReadonlyMap<string, unknown>;

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HoldfastError("invalid_request", `${what} must be a JSON object`, { field: what });
  }
  return new Map(Object.entries(value));
}

function wrong(field: string, expected: string): HoldfastError {
  return new HoldfastError("invalid_request", `${field} must be ${expected}`, { field });
}

export function textAt(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (typeof value !== "string") throw wrong(name, "a text");
  return value;
}

export function optionalText(fields: Fields, name: string): string | undefined {
  return fields.get(name) === undefined ? undefined : textAt(fields, name);
}

/** A whole number from 0 to 2^53 - 1. */
export function wholeAt(fields: Fields, name: string): number {
  const value = fields.get(name);
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw wrong(name, "a whole number from 0 to 2^53 - 1");
  return value;
}

export function optionalWhole(fields: Fields, name: string): number | undefined {
  return fields.get(name) === undefined ? undefined : wholeAt(fields, name);
}
