// Requests of the own API: headers that every one carries, answers that come from Holdfast and nothing else, errors by their codes.
import {
  decodeProblem,
  type ErrorCode,
  encodeClient,
  HoldfastError,
  toHoldfastError,
} from "@holdfast/protocol";
import type { Auth } from "./auth.ts";
import type { Limit } from "./limit.ts";
import type { Clock, Transport, TransportRequest, TransportResponse } from "./ports.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { watched } from "./watch.ts";

const PRODUCT = "holdfast-js/0.1.0";
/** A manifest of 100,000 parts has less than 5 MiB; nothing else that is read as text comes near. */
const TEXT_BYTES_MAX: number = 64 * 1024 * 1024;

export interface WireParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly auth: Auth;
  readonly limit: Limit;
  /** Random; names this running transfer. */
  readonly transfer: string;
  readonly stallMs: number;
}

export interface WireRequest {
  readonly method: TransportRequest["method"];
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly onSent?: (bytes: number) => void;
}

/** An answer whose status is 2xx. */
export interface WireAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Hands over the body as it comes, at the transfer's rate. */
  read(take: (piece: Uint8Array) => void | Promise<void>): Promise<void>;
  text(): Promise<string>;
}

export interface Wire {
  /**
   * Sends one request and hands its answer to `use`, all of it under the watch for stalls; once more with a new token after a 401.
   *
   * @throws HoldfastError with the answer's code where it is not 2xx, its status in `details.status`, and `details.retryAfterMs` where it says so;
   * `not_holdfast`, `connection_failed`, `stalled`; the signal's reason.
   */
  send<T>(request: WireRequest, use: (answer: WireAnswer) => Promise<T>): Promise<T>;
}

export function createWire(parts: WireParts): Wire {
  return {
    async send(request, use) {
      const token = await parts.auth.current();
      try {
        return await sendOnce(parts, request, token, use);
      } catch (error) {
        if (token === undefined || toHoldfastError(error).code !== "unauthorized") throw error;
        if (!(await parts.auth.renew(token))) throw error;
      }
      return sendOnce(parts, request, await parts.auth.current(), use);
    },
  };
}

function sendOnce<T>(
  { transport, clock, limit, transfer, stallMs }: WireParts,
  request: WireRequest,
  token: string | undefined,
  use: (answer: WireAnswer) => Promise<T>,
): Promise<T> {
  return watched(clock, stallMs, request.signal, async (signal, touch) => {
    const response = await transport.request({
      method: request.method,
      url: request.url,
      headers: {
        ...request.headers,
        "holdfast-client": encodeClient(PRODUCT, transfer, request.attempt),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(request.body ? { body: request.body } : {}),
      signal,
      // Waiting for our own limit is no stall of the line.
      grant: async (wanted) => {
        const bytes = await limit.grant(wanted);
        touch();
        return bytes;
      },
      onSent(bytes) {
        touch();
        request.onSent?.(bytes);
      },
    });
    touch();
    const answer = answerOf(response, limit, touch);
    if (response.header("holdfast-version") === undefined) throw notHoldfast(response, clock);
    if (response.status < 200 || response.status > 299) throw await errorOf(answer, clock);
    return use(answer);
  });
}

function answerOf(response: TransportResponse, limit: Limit, touch: () => void): WireAnswer {
  const read = (take: (piece: Uint8Array) => void | Promise<void>) =>
    response.read((piece) => {
      touch();
      const granted = limit.grant(piece.length);
      if (granted === piece.length) return take(piece);
      return throttled(limit, granted, piece, take, touch);
    });
  return {
    status: response.status,
    header: (name) => response.header(name),
    read,
    async text() {
      const pieces: string[] = [];
      let bytes = 0;
      const decoder = new TextDecoder();
      await read((piece) => {
        bytes += piece.length;
        if (bytes > TEXT_BYTES_MAX)
          throw new HoldfastError("not_holdfast", "the answer is longer than any of ours");
        pieces.push(decoder.decode(piece, { stream: true }));
      });
      return pieces.join("") + decoder.decode();
    },
  };
}

async function throttled(
  limit: Limit,
  first: number | Promise<number>,
  piece: Uint8Array,
  take: (piece: Uint8Array) => void | Promise<void>,
  touch: () => void,
): Promise<void> {
  for (let left = piece.length - (await first); left > 0; ) {
    touch();
    left -= await limit.grant(left);
  }
  touch();
  await take(piece);
}

function notHoldfast(response: TransportResponse, clock: Clock): HoldfastError {
  const { status } = response;
  return new HoldfastError(
    "not_holdfast",
    `something else than Holdfast answered with status ${status}`,
    { status, ...retryAfter(response, clock) },
  );
}

const CODE_OF_STATUS = new Map<number, ErrorCode>([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "file_not_found"],
  [405, "method_not_allowed"],
  [408, "body_stalled"],
  [410, "upload_ended"],
  [412, "precondition_failed"],
  [413, "size_too_large"],
  [416, "range_not_satisfiable"],
  [431, "headers_too_large"],
  [429, "shutting_down"],
  [503, "shutting_down"],
  [507, "storage_full"],
]);

/** The error of an answer; by its status where it brings no problem document, as an answer to HEAD. */
async function errorOf(answer: WireAnswer, clock: Clock): Promise<HoldfastError> {
  const { status } = answer;
  const problem = decodeProblem(parseJson(await answer.text()));
  const code = problem?.code ?? CODE_OF_STATUS.get(status) ?? otherCode(status);
  const message = problem?.message ?? `the server answered with status ${status}`;
  return new HoldfastError(code, message, {
    ...problem?.details,
    status,
    ...retryAfter(answer, clock),
  });
}

function otherCode(status: number): ErrorCode {
  return status >= 500 ? "internal" : "invalid_request";
}

/** The JSON value of a text, or undefined. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function retryAfter(
  answer: { header(name: string): string | undefined },
  clock: Clock,
): { readonly retryAfterMs?: number } {
  const ms = parseRetryAfter(answer.header("retry-after"), answer.header("date"), clock.now());
  return ms === undefined ? {} : { retryAfterMs: ms };
}
