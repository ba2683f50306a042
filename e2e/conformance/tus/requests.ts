// The requests of tus 1.0 as its clients send them; a row changes what it is about.
import type { Field } from "../message.ts";
import type { Ask, Check, Sending } from "../row.ts";
import { ask, given, header, status } from "../write.ts";

export const VERSION: Field = ["Tus-Resumable", "1.0.0"];
export const TYPE: Field = ["Content-Type", "application/offset+octet-stream"];

/** What most rows send: 11 bytes. */
export const TEXT = "hello world";

export const chunked: Sending = { kind: "chunked", trailers: [] };

interface Rest {
  readonly fields?: readonly Field[];
  readonly body?: string;
  readonly sending?: Sending;
  readonly withinMs?: number;
  readonly save?: string;
  readonly saveOffset?: string;
}

/** POST with these headers; what it creates is kept as `a` unless another name is given. */
export function post(fields: readonly Field[], expect: readonly Check[], save = "a"): Ask {
  return ask("POST", "{here}", [VERSION, ...fields], expect, { save });
}

/** Leads to an upload of that size. */
export function upload(name: string, size: number, fields: readonly Field[] = []): Ask {
  const all: readonly Field[] = [["Upload-Length", `${size}`], ...fields];
  return given(post(all, [status(201), header("Location")], name));
}

/** Leads to an upload whose size is told later. */
export function deferred(name: string): Ask {
  return given(post([["Upload-Defer-Length", "1"]], [status(201), header("Location")], name));
}

export function head(name: string, expect: readonly Check[], rest: Rest = {}): Ask {
  const { fields = [], ...others } = rest;
  return ask("HEAD", `{${name}}`, [VERSION, ...fields], expect, others);
}

/** PATCH of `body` at an offset, the headers in order; those of `fields` come after them. */
export function patch(
  name: string,
  offset: number | string,
  body: string,
  expect: readonly Check[],
  rest: Rest = {},
): Ask {
  const { fields = [], ...others } = rest;
  const all: readonly Field[] = [VERSION, TYPE, ["Upload-Offset", `${offset}`], ...fields];
  return ask("PATCH", `{${name}}`, all, expect, { body, ...others });
}

/** Leads to an upload with its first bytes. */
export function appended(name: string, offset: number, body: string): Ask {
  return given(patch(name, offset, body, [status(204)]));
}

/** Leads to an upload that has all its bytes. */
export function complete(name: string, fields: readonly Field[] = []): readonly Ask[] {
  return [upload(name, TEXT.length, fields), appended(name, 0, TEXT)];
}

export function offsetIs(offset: number): Check {
  return header("Upload-Offset", `${offset}`);
}

/** The upload was not touched: it is where it was. */
export function stays(name: string, offset: number): Ask {
  return head(name, [status(200, 204), offsetIs(offset)], { withinMs: 5_000 });
}
