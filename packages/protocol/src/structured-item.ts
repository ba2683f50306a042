// Items of structured fields (RFC 9651 section 3.3): integers from 0 on and booleans. Anything else is as if the field were not there.

// Parameters say nothing here; they are read past.
const INTEGER = /^ *([0-9]{1,15})(?: *;.*)? *$/;
const BOOLEAN = /^ *\?([01])(?: *;.*)? *$/;

export function decodeInteger(field: string | undefined): number | undefined {
  const digits = INTEGER.exec(field ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function decodeBoolean(field: string | undefined): boolean | undefined {
  const bit = BOOLEAN.exec(field ?? "")?.[1];
  return bit === undefined ? undefined : bit === "1";
}

export function encodeBoolean(value: boolean): string {
  return value ? "?1" : "?0";
}
