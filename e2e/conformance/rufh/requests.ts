// The requests of resumable uploads as clients of each version send them; a row changes what it is about.
import type { Field } from "../message.ts";
import type { Ask, Check, Sending } from "../row.ts";
import { ask, done, given, header, status } from "../write.ts";
import { completeField, createWith, type Interop, typeFields, versionField } from "./interop.ts";

/** What most rows send: 11 bytes. */
export const TEXT = "hello world";

export const chunked: Sending = { kind: "chunked", trailers: [] };

export interface Rest {
  readonly fields?: readonly Field[];
  readonly body?: string;
  readonly sending?: Sending;
  readonly withinMs?: number;
  readonly saveOffset?: string;
}

/** POST with `?1` or `?0`; what it creates is kept as `a`. */
export function create(
  version: Interop,
  isComplete: boolean,
  body: string,
  expect: readonly Check[],
  { fields = [], ...rest }: Rest = {},
): Ask {
  const all = [...createWith(version, isComplete), ...fields];
  return ask("POST", "{here}", all, expect, { body, save: "a", ...rest });
}

/** Leads to an upload without bytes yet. */
export function upload(version: Interop, fields: readonly Field[] = []): Ask {
  return given(create(version, false, "", [done, header("Location")], { fields }));
}

export function head(version: Interop, expect: readonly Check[], rest: Rest = {}): Ask {
  const { fields = [], ...others } = rest;
  return ask("HEAD", "{a}", [versionField(version), ...fields], expect, others);
}

export function append(
  version: Interop,
  offset: number | string,
  isComplete: boolean,
  body: string,
  expect: readonly Check[],
  { fields = [], isUntyped = false, ...rest }: Rest & { readonly isUntyped?: boolean } = {},
): Ask {
  const all: readonly Field[] = [
    versionField(version),
    ...(isUntyped ? [] : typeFields(version)),
    ["Upload-Offset", `${offset}`],
    completeField(version, isComplete),
    ...fields,
  ];
  return ask("PATCH", "{a}", all, expect, { body, ...rest });
}

/** Leads to an upload with its first bytes. */
export function appended(version: Interop, offset: number, body: string): Ask {
  return given(append(version, offset, false, body, [done]));
}

export function offsetIs(offset: number): Check {
  return header("Upload-Offset", `${offset}`);
}

/** Which completeness an answer tells, in the words of its version. */
export function tells(version: Interop, isComplete: boolean): Check {
  return header(...completeField(version, isComplete));
}

/** The upload is at that offset and not complete. */
export function stays(version: Interop, offset: number): Ask {
  return head(version, [status(200, 204), offsetIs(offset), tells(version, false)], {
    withinMs: 5_000,
  });
}
