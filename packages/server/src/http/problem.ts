// Errors as replies: problem documents with the headers that their codes ask for.
import type { Log, Random } from "@holdfast/engine";
import {
  type ErrorCode,
  encodeContentRange,
  encodeHex,
  encodeProblem,
  errorRow,
  HoldfastError,
  PROBLEM_TYPE,
  type Refusal,
  toHoldfastError,
} from "@holdfast/protocol";
import { type Headers, jsonReply, type Reply } from "./reply.ts";

/** Seconds until it is worth asking again, where the retry rule is `later` and the error does not say itself. */
const RETRY_AFTER_S: Partial<Record<ErrorCode, number>> = {
  storage_full: 10,
};
const RETRY_AFTER_DEFAULT_S = 1;

export interface ProblemParts {
  readonly random: Random;
  readonly log: Log;
}

/** How a protocol tells of an error, where it has ways of its own. */
export type Dialect = (error: HoldfastError) => Refusal;

const PLAIN: Dialect = () => ({ fields: {}, members: {} });

/** Any thrown value as a reply. What is not for the wire becomes `internal` with a request id that only the log explains. */
export function problemReply(
  thrown: unknown,
  { random, log }: ProblemParts,
  dialect: Dialect = PLAIN,
): Reply {
  const error = toHoldfastError(thrown);
  const { status } = errorRow(error.code);
  if (status === 0 || error.code === "internal") {
    const request = encodeHex(random.bytes(8));
    log("error", "internal error", { request, error });
    return reply(new HoldfastError("internal", undefined, { request }), dialect);
  }
  if (error.code.startsWith("storage_")) log("error", "request failed", { error });
  if (status === 401) log("warn", "unauthorized", {});
  return reply(error, dialect);
}

function reply(error: HoldfastError, dialect: Dialect): Reply {
  const plain = encodeProblem(error);
  const { status = plain.status, fields, members } = dialect(error);
  const problem = { ...plain, ...members, status };
  const headers = { ...headersOf(error), ...fields, "content-type": PROBLEM_TYPE };
  return jsonReply(status, problem, headers);
}

function headersOf({ code, details }: HoldfastError): Headers {
  const { allow, size, retryAfter, scope, types } = details;
  if (code === "unauthorized" || (code === "forbidden" && scope !== undefined)) {
    return { "www-authenticate": challengeOf(details) };
  }
  if (code === "method_not_allowed" && Array.isArray(allow)) return { allow: allow.join(", ") };
  if (code === "range_not_satisfiable" && typeof size === "number") {
    return { "content-range": encodeContentRange(undefined, size) };
  }
  if (code === "media_type_unsupported" && Array.isArray(types)) {
    return { "accept-patch": types.join(", ") };
  }
  if (errorRow(code).retry !== "later") return {};
  const seconds = typeof retryAfter === "number" ? retryAfter : RETRY_AFTER_S[code];
  return { "retry-after": String(seconds ?? RETRY_AFTER_DEFAULT_S) };
}

/** RFC 6750 section 3: what is wrong with the token, or nothing where none was sent. */
function challengeOf({ reason, scope }: HoldfastError["details"]): string {
  const realm = 'Bearer realm="holdfast"';
  if (typeof scope === "string") return `${realm}, error="insufficient_scope", scope="${scope}"`;
  return typeof reason === "string" ? `${realm}, error="${reason}"` : realm;
}
