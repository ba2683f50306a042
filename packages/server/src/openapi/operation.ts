// What the API's description says of one route and method. A row of `operations/` for each of those in `http/route.ts`.
import type { ErrorCode } from "@holdfast/protocol";
import type { z } from "zod";

export interface Operation {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE" | "OPTIONS";
  /** With the names of its variable segments in braces, such as `/v1/uploads/{id}`. */
  readonly path: string;
  /** Unique: generated clients make a function of it. */
  readonly id: string;
  readonly tag: "uploads" | "files" | "operations";
  readonly summary: string;
  /** What its variable segments are. */
  readonly params?: Fields;
  readonly query?: Fields;
  readonly headers?: Fields;
  readonly body?: Content & { readonly isOptional?: true };
  /** What it answers when all goes well, by status. */
  readonly replies: Readonly<Record<number, ReplyRow>>;
  /** The codes that it refuses with beside those that every route has. */
  readonly errors: readonly ErrorCode[];
  /** The status of a code, where that is not the table's. */
  readonly statusOf?: (code: ErrorCode) => number;
  /** True where everybody may come in. */
  readonly isPublic?: true;
}

/** Fields by name; one whose schema takes `undefined` may be absent. */
export type Fields = Readonly<Record<string, z.ZodType>>;

export interface Content {
  readonly type: string;
  /** Undefined for plain bytes. */
  readonly schema?: z.ZodType;
}

export interface ReplyRow {
  readonly what: string;
  /** Beside those that every reply has. */
  readonly headers?: Fields;
  readonly content?: Content;
}

export const json = (schema: z.ZodType): Content => ({ type: "application/json", schema });

/** The same asked for without its content; ranges are for GET only. */
export function headOf({ replies, ...operation }: Operation, id: string): Operation {
  const { 206: _, ...rest } = replies;
  const bare = Object.entries(rest).map(([status, { content: __, ...reply }]) => [status, reply]);
  return { ...operation, method: "HEAD", id, replies: Object.fromEntries(bare) };
}
