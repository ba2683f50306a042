// The OpenAPI 3.1 document, made of the rows of `operations/`.
import { type ErrorCode, errorRow, PROBLEM_TYPE } from "@holdfast/protocol";
import { z } from "zod";
import type { Content, Fields, Operation, ReplyRow } from "./operation.ts";
import { FILES } from "./operations/files.ts";
import { OPS } from "./operations/ops.ts";
import { SIGNED } from "./operations/signed.ts";
import { TUS } from "./operations/tus.ts";
import { UPLOADS } from "./operations/uploads.ts";
import { named, Problem } from "./schemas.ts";

export const OPERATIONS: readonly Operation[] = [...UPLOADS, ...TUS, ...SIGNED, ...FILES, ...OPS];

/** What any route may refuse with: whoever asks, whatever for. */
const ERRORS_OF_ALL: readonly ErrorCode[] = [
  "invalid_request",
  "too_many_requests",
  "body_consumed",
  "origin_not_allowed",
  "internal",
  "shutting_down",
  "storage_failed",
];
const ERRORS_OF_GUARDED: readonly ErrorCode[] = ["unauthorized", "forbidden"];

/** Where named schemas stand in the document. */
const PLACE = "#/components/schemas/";

type Json = Readonly<Record<string, unknown>>;

/** The codes that an operation may answer with. */
export function errorsOf({ errors, isPublic }: Operation): ReadonlySet<ErrorCode> {
  return new Set([...ERRORS_OF_ALL, ...(isPublic ? [] : ERRORS_OF_GUARDED), ...errors]);
}

export function openApiDocument(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] ??= {};
    Object.assign(paths[operation.path] ?? {}, {
      [operation.method.toLowerCase()]: describeOperation(operation),
    });
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Holdfast",
      version,
      description:
        "Resumable transfers that lose nothing: every 2xx on bytes means that they survive.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: [{ name: "uploads" }, { name: "files" }, { name: "operations" }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: componentsOf(),
    },
  };
}

function describeOperation(operation: Operation): Json {
  const { id, tag, summary, params = {}, query = {}, headers = {}, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(operation.isPublic ? { security: [] } : {}),
    parameters: [
      ...parametersIn("path", params),
      ...parametersIn("query", query),
      ...parametersIn("header", headers),
    ],
    ...(body
      ? { requestBody: { required: body.isOptional !== true, content: contentOf(body) } }
      : {}),
    responses: { ...describeReplies(operation), ...describeErrors(operation) },
  };
}

function parametersIn(place: "path" | "query" | "header", fields: Fields): readonly Json[] {
  return Object.entries(fields).map(([name, schema]) => ({
    name,
    in: place,
    required: !schema.isOptional(),
    schema: schemaOf(schema),
  }));
}

function describeReplies({ replies }: Operation): Json {
  return Object.fromEntries(
    Object.entries(replies).map(([status, reply]) => [status, describeReply(reply)]),
  );
}

function describeReply({ what, headers = {}, content }: ReplyRow): Json {
  const all = { "Holdfast-Version": z.literal("1"), ...headers };
  return {
    description: what,
    headers: Object.fromEntries(
      Object.entries(all).map(([name, schema]) => [name, { schema: schemaOf(schema) }]),
    ),
    ...(content ? { content: contentOf(content) } : {}),
  };
}

/** One response for each status: the codes under it are listed in its description. */
function describeErrors(operation: Operation): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(operation)) {
    const status = operation.statusOf?.(code) ?? errorRow(code).status;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content =
    operation.method === "HEAD"
      ? {}
      : { content: { [PROBLEM_TYPE]: { schema: schemaOf(Problem) } } };
  return Object.fromEntries(
    [...byStatus]
      .filter(([status]) => !(status in operation.replies))
      .map(([status, codes]) => [status, { description: codes.join(", "), ...content }]),
  );
}

function contentOf({ type, schema }: Content): Json {
  return { [type]: schema ? { schema: schemaOf(schema) } : {} };
}

/** A schema in place: named ones by reference. */
export function schemaOf(schema: z.ZodType): Json {
  const inner = schema.isOptional() && schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  const meta = inner instanceof z.ZodType ? named.get(inner) : undefined;
  if (meta) return { $ref: `${PLACE}${meta.id}` };
  const { $schema: _, ...json } = z.toJSONSchema(schema, { metadata: named, io: "input" });
  return json;
}

function componentsOf(): Json {
  const { schemas } = z.toJSONSchema(named, { uri: (id) => `${PLACE}${id}`, io: "input" });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}
