// A request as handlers see it, and its body as JSON.
import { HoldfastError, KIB } from "@holdfast/protocol";
import type { RequestBody } from "./body.ts";
import type { Headers } from "./reply.ts";

export interface Request {
  readonly method: string;
  /** As it came, still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: RequestBody;
  /** Where it was sent from, as far as that can be believed; for the log. */
  address(): string | undefined;
  /** Whether the connection is one of a proxy that the operator named. */
  isFromProxy?(): boolean;
  /** Tells the client something before the reply comes (RFC 9110 section 15.2). Absent where nobody could hear it, or something on the way may not bear it. */
  readonly inform?: Inform | undefined;
  /** A header field by its lower-case name; several lines of one are joined by commas. */
  header(name: string): string | undefined;
  /** A field that stands behind the body, once that has come to its end; absent where trailers cannot be read. */
  readonly trailer?: (name: string) => string | undefined;
}

/** Sends an interim response with a status from 102 to 199. */
export type Inform = (status: number, headers: Headers) => void;

/** A JSON body has at most this many bytes. */
const JSON_SIZE_MAX: number = 64 * KIB;

/**
 * The JSON value of the body, or undefined where it is empty.
 *
 * The media type must be JSON's: a page of another site can send any other body without asking the browser's permission first.
 *
 * @throws HoldfastError `invalid_request`; why the body was stopped.
 */
export async function readJson(request: Request): Promise<unknown> {
  const { body } = request;
  if (body.size !== undefined && body.size > JSON_SIZE_MAX) throw tooLarge();
  const bytes = new Uint8Array((body.size ?? JSON_SIZE_MAX) + 1);
  const size = await body.fill(bytes);
  if (size > JSON_SIZE_MAX) throw tooLarge();
  const why = body.stopped();
  if (why) throw why;
  if (size === 0) return undefined;
  const type = request.header("content-type");
  if (!/^application\/json(?:[ \t]*;|$)/i.test(type ?? "")) {
    throw invalid("content-type must be application/json", "content-type");
  }
  return parse(bytes.subarray(0, size));
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new HoldfastError(
      "invalid_request",
      "the body is not JSON in UTF-8",
      { field: "body" },
      cause,
    );
  }
}

/** @throws HoldfastError `invalid_request` for a body that is encoded: the server never decodes, the grid lies over the bytes as they come. */
export function requireIdentity(request: Request): void {
  const encoding = request.header("content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw invalid("the body must come without content-encoding", "content-encoding");
  }
}

function tooLarge(): HoldfastError {
  return invalid(`the body must have at most ${JSON_SIZE_MAX} bytes`, "body");
}

function invalid(message: string, field: string): HoldfastError {
  return new HoldfastError("invalid_request", message, { field });
}
