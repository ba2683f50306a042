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
import { createPace, type Pace, type Silence } from "./pace.ts";
import type { Clock, Connection, Transport, TransportRequest, TransportResponse } from "./ports.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { storeError } from "./store-error.ts";
import { type Allowed, watched } from "./watch.ts";

const PRODUCT = "holdfast-js/0.1.0";
/** A manifest of 100,000 parts has less than 5 MiB; nothing else that is read as text comes near. */
const TEXT_BYTES_MAX: number = 64 * 1024 * 1024;
/** After more stalls in a row, no server is waited for longer than after this many. */
const STALLS_MAX = 5;

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
  readonly onConnected?: (connection: Connection) => void;
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
  /**
   * Sends a signed request to wherever it leads: no token goes along, to a store nothing that was not signed, and nothing follows a redirect.
   *
   * @throws HoldfastError by what answered: a Holdfast server as with `send`, a store by `storeError`; `connection_failed`, `stalled`; the signal's reason.
   */
  sendSigned(request: WireRequest, to: "own server" | "store"): Promise<void>;
}

export function createWire(parts: WireParts): Wire {
  const { auth, clock, stallMs } = parts;
  const patience = createPatience();
  const common = { pace: createPace(clock), first: { isPast: false } };
  // Another server's silences say nothing of ours.
  const elsewhere = { patience: createPatience(), pace: createPace(clock) };
  const named = ({ headers, attempt }: WireRequest) => ({
    ...headers,
    "holdfast-client": encodeClient(PRODUCT, parts.transfer, attempt),
  });
  const toOwn = (request: WireRequest, token: string | undefined): Way => ({
    headers: {
      ...named(request),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    require: (response, answer) => requireOwn(response, answer, request.url, clock, common.first),
  });
  return {
    sendSigned: (request, to) =>
      elsewhere.patience.learn((times) =>
        sendOnce(
          parts,
          request,
          {
            // Our own server lets a transfer take over from itself.
            headers: to === "own server" ? named(request) : (request.headers ?? {}),
            require: (response, answer) => requireStored(response, answer, clock),
          },
          { pace: elsewhere.pace, times },
          async (answer) => answer.read(() => undefined),
        ),
      ),
    async send(request, use) {
      // Whoever gives out tokens may be silent as the server may.
      const ask = <A>(question: () => Promise<A>) =>
        watched(clock, stallMs, request.signal, (signal) =>
          unlessAborted(question(), signal),
        ).catch((error: unknown) => {
          if (toHoldfastError(error).code !== "stalled") throw error;
          auth.forget();
          throw new HoldfastError("stalled", "whoever gives out tokens does not answer");
        });
      const sendWith = (token: string | undefined) =>
        request.body
          ? patience.learn((times) =>
              sendOnce(parts, request, toOwn(request, token), { ...common, times }, use),
            )
          : sendOnce(parts, request, toOwn(request, token), { ...common, times: 1 }, use);
      const token = await ask(() => auth.current());
      try {
        return await sendWith(token);
      } catch (error) {
        if (token === undefined || toHoldfastError(error).code !== "unauthorized") throw error;
        if (!(await ask(() => auth.renew(token)))) throw error;
      }
      return sendWith(await ask(() => auth.current()));
    },
  };
}

/** What cannot be ended is left behind. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
  return Promise.race([work, aborted]);
}

/** How often the usual silence there may be once the whole body is handed over: what lies between may still be sending it, or the server's disk be slow. */
interface Patience {
  learn<T>(send: (times: number) => Promise<T>): Promise<T>;
}

/** Twice as long after each stall in a row; of those that began together, one counts. */
function createPatience(): Patience {
  let stalls = 0;
  return {
    async learn(send) {
      const before = stalls;
      try {
        const result = await send(2 ** Math.min(before, STALLS_MAX));
        stalls = 0;
        return result;
      } catch (error) {
        if (toHoldfastError(error).code === "stalled") stalls = Math.max(stalls, before + 1);
        throw error;
      }
    },
  };
}

interface Patient {
  readonly pace: Pace;
  readonly times: number;
}

/** Who is spoken to: what goes along with a request, and what an answer must be to be taken for one. */
interface Way {
  readonly headers: Readonly<Record<string, string>>;
  readonly require: (response: TransportResponse, answer: WireAnswer) => Promise<void>;
}

function sendOnce<T>(
  { transport, clock, limit, stallMs }: WireParts,
  request: WireRequest,
  way: Way,
  patient: Patient,
  use: (answer: WireAnswer) => Promise<T>,
): Promise<T> {
  let left = request.body?.reduce((size, view) => size + view.length, 0);
  return watched(clock, stallMs, request.signal, async (signal, touch) => {
    const silence = listen(clock, stallMs, patient, touch);
    // What the server does before it answers these may take it longer than anything else.
    const kind = request.method === "POST" ? "thinking" : "waiting";
    silence.begins(left === undefined ? kind : "sending");
    const response = await transport.request({
      method: request.method,
      url: request.url,
      headers: way.headers,
      ...(request.body ? { body: request.body } : {}),
      signal,
      // Waiting for our own limit is no stall of the line.
      grant: async (wanted) => {
        const bytes = await limit.grant(wanted);
        silence.begins("sending");
        return bytes;
      },
      onConnected: (connection) => request.onConnected?.(connection),
      onSent(bytes) {
        left = (left ?? 0) - bytes;
        silence.ends(left === 0 ? kind : "sending");
        request.onSent?.(bytes);
      },
    });
    silence.ends("receiving");
    const answer = answerOf(response, limit, silence);
    await way.require(response, answer);
    return use(answer);
  });
}

/** `first`: whether Holdfast has answered at this address before. */
async function requireOwn(
  response: TransportResponse,
  answer: WireAnswer,
  url: string,
  clock: Clock,
  first: { isPast: boolean },
): Promise<void> {
  if (isRedirect(response)) throw redirected(response, url, clock, first);
  if (response.header("holdfast-version") === undefined) throw notHoldfast(response, clock);
  first.isPast = true;
  if (!isGood(response)) throw await errorOf(answer, clock);
}

async function requireStored(
  response: TransportResponse,
  answer: WireAnswer,
  clock: Clock,
): Promise<void> {
  if (isGood(response)) return;
  const isHoldfast = response.header("holdfast-version") !== undefined;
  if (isHoldfast && !isRedirect(response)) throw await errorOf(answer, clock);
  throw storeError(response.status, await answer.text(), retryAfter(answer, clock));
}

function isGood({ status }: TransportResponse): boolean {
  return status >= 200 && status <= 299;
}

/** Keeps account of one request's silences. */
interface Listener {
  /** A silence of this kind begins now; what was before says nothing. */
  begins(kind: Silence | "thinking"): void;
  /** Bytes moved: the silence was one that is nothing to worry about, and the next one begins. */
  ends(next: Silence | "thinking"): void;
}

function listen(
  clock: Clock,
  stallMs: number,
  { pace, times }: Patient,
  touch: (allowed?: Allowed) => void,
): Listener {
  let kind: Silence | "thinking" = "thinking";
  let since = clock.monotonic();
  const begins: Listener["begins"] = (next) => {
    kind = next;
    since = clock.monotonic();
    if (next === "thinking") return touch(() => stallMs * times);
    const usualMs = next === "waiting" ? stallMs * times : stallMs;
    touch((at) => Math.min(usualMs, pace.allowedMs(next, at, usualMs / times) * times));
  };
  return {
    begins,
    ends(next) {
      if (kind !== "thinking") pace.note(kind, clock.monotonic() - since);
      begins(next);
    },
  };
}

function answerOf(
  response: TransportResponse,
  limit: Limit,
  silence: Pick<Listener, "begins" | "ends">,
): WireAnswer {
  const read = (take: (piece: Uint8Array) => void | Promise<void>) =>
    response.read((piece) => {
      silence.ends("receiving");
      const granted = limit.grant(piece.length);
      if (granted === piece.length) return take(piece);
      return throttled(limit, granted, piece, take, () => silence.begins("receiving"));
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

function isRedirect({ status }: TransportResponse): boolean {
  return status >= 300 && status < 400 && status !== 304;
}

/**
 * Nothing follows a redirect: a token must not go where somebody else points. At an address where Holdfast has never answered, it is the address that is wrong;
 * where it has, something stands in between for a while, such as a captive portal.
 */
function redirected(
  response: TransportResponse,
  from: string,
  clock: Clock,
  { isPast }: { readonly isPast: boolean },
): HoldfastError {
  if (isPast) return notHoldfast(response, clock);
  const { status } = response;
  const to = URL.parse(response.header("location") ?? "", from);
  if (!to) return new HoldfastError("wrong_address", `status ${status} points nowhere`, { status });
  // What a person gave was the part before our own routes; credentials and a query would end up in logs.
  const location = to.origin + to.pathname.replace(/\/v1\/uploads.*$|\/manifest$/, "");
  return new HoldfastError("wrong_address", `the server points to ${location}`, {
    status,
    location,
  });
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

/** Details that decide what the client does next: it finds them out itself, and takes no answer's word for them. */
const OWN_DETAILS: ReadonlySet<string> = new Set(["retryAfterMs", "refused", "signal", "silentMs"]);

/** The error of an answer; by its status where it brings no problem document, as an answer to HEAD. */
async function errorOf(answer: WireAnswer, clock: Clock): Promise<HoldfastError> {
  const { status } = answer;
  const problem = decodeProblem(parseJson(await answer.text()));
  const code = problem?.code ?? CODE_OF_STATUS.get(status) ?? otherCode(status);
  const message = problem?.message ?? `the server answered with status ${status}`;
  const details = Object.entries(problem?.details ?? {}).filter(([name]) => !OWN_DETAILS.has(name));
  return new HoldfastError(code, message, {
    ...Object.fromEntries(details),
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
