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

/** Any thrown value as a reply. What is not for the wire becomes `internal` with a request id that only the log explains. */
export function problemReply(thrown: unknown, { random, log }: ProblemParts): Reply {
  const error = toHoldfastError(thrown);
  const { status } = errorRow(error.code);
  if (status === 0 || error.code === "internal") {
    const request = encodeHex(random.bytes(8));
    log("error", "internal error", { request, error });
    return reply(new HoldfastError("internal", undefined, { request }));
  }
  if (error.code.startsWith("storage_")) log("error", "request failed", { error });
  if (status === 401) log("warn", "unauthorized", {});
  return reply(error);
}

function reply(error: HoldfastError): Reply {
  const problem = encodeProblem(error);
  return jsonReply(problem.status, problem, { ...headersOf(error), "content-type": PROBLEM_TYPE });
}

function headersOf({ code, details }: HoldfastError): Headers {
  const { allow, size, retryAfter, scope, offset } = details;
  if (code === "unauthorized" || (code === "forbidden" && scope !== undefined)) {
    return { "www-authenticate": challengeOf(details) };
  }
  if (code === "method_not_allowed" && Array.isArray(allow)) return { allow: allow.join(", ") };
  if (code === "range_not_satisfiable" && typeof size === "number") {
    return { "content-range": encodeContentRange(undefined, size) };
  }
  if (code === "offset_mismatch") return { "upload-offset": `${offset}`, "upload-complete": "?0" };
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
