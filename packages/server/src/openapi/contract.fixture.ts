// Holds every answer that a test gets against the API's description: what it does not tell of, no client can know.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { z } from "zod";
import { errorsOf, OPERATIONS, openApiDocument, schemaOf } from "./document.ts";
import type { Content, Operation } from "./operation.ts";
import { Problem } from "./schemas.ts";

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bytes: Uint8Array;
}

const DOCUMENT = "urn:test:openapi";
const ajv = new Ajv2020({ strict: false, allErrors: true });
const description = openApiDocument("test");
ajv.addSchema(closed(description) as object, DOCUMENT);
const validators = new Map<z.ZodType, ValidateFunction>();

/** In tests an object has the members that are described and no others; clients pass over what they do not know. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, closed(member)]);
  const isObject = "properties" in value && !("additionalProperties" in value);
  const openOrNot = isObject ? { additionalProperties: false } : {};
  return { ...Object.fromEntries(members), ...openOrNot };
}

/** Complaints about a JSON value, or none. */
export function complaintsOf(schema: z.ZodType, value: unknown): string {
  let validate = validators.get(schema);
  if (!validate) {
    const text = JSON.stringify(closed(schemaOf(schema))).replaceAll('"#/', `"${DOCUMENT}#/`);
    validate = ajv.compile(JSON.parse(text));
    validators.set(schema, validate);
  }
  return validate(value) ? "" : ajv.errorsText(validate.errors);
}

/** @throws Error where the description does not tell of such an answer. A route that it does not know yet is another test's. */
export function requireDescribed(method: string, path: string, answer: Answered): void {
  const found = findOperation(method, path);
  const complaint = complain(found, answer);
  if (complaint === "") return;
  const where = "the rows are in packages/server/src/openapi/operations";
  throw new Error(`${method} ${path} answered ${answer.status}: ${complaint} (${where})`);
}

function complain(operation: Operation | undefined, answer: Answered): string {
  const type = String(answer.headers["content-type"] ?? "");
  if (answer.status >= 400 && answer.bytes.length > 0 && !operation?.replies[answer.status]) {
    const problem: unknown = JSON.parse(new TextDecoder().decode(answer.bytes));
    return complaintsOf(Problem, problem) || complainAboutCode(operation, problem);
  }
  if (!operation || answer.status >= 400) return "";
  const reply = operation.replies[answer.status];
  if (!reply) return "that status is not described";
  for (const [name, schema] of Object.entries(reply.headers ?? {})) {
    const isThere = answer.headers[name.toLowerCase()] !== undefined;
    if (!isThere && !schema.isOptional()) return `the header ${name} is missing`;
  }
  return complainAboutContent(reply.content, type, answer.bytes);
}

function complainAboutCode(operation: Operation | undefined, problem: unknown): string {
  const code = typeof problem === "object" && problem && "code" in problem ? problem.code : "";
  const known: ReadonlySet<unknown> | undefined = operation && errorsOf(operation);
  const isKnown = !known || known.has(code) || code === "route_not_found";
  return isKnown ? "" : `the code ${String(code)} is not described`;
}

function complainAboutContent(
  content: Content | undefined,
  type: string,
  bytes: Uint8Array,
): string {
  if (!content) return bytes.length > 0 ? "it has a body" : "";
  if (content.type !== "*/*" && content.type !== type) return `its type is ${type}`;
  if (!content.schema) return "";
  return complaintsOf(content.schema, JSON.parse(new TextDecoder().decode(bytes)));
}

export function findOperation(method: string, path: string): Operation | undefined {
  const segments = path.replace(/\?.*/, "").split("/");
  return OPERATIONS.find(({ method: of, path: pattern }) => {
    const wanted = pattern.split("/");
    const fits = (segment: string, at: number) =>
      /^\{.*\}$/.test(wanted[at] ?? "") || wanted[at] === segment;
    return of === method && wanted.length === segments.length && segments.every(fits);
  });
}
