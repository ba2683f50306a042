// Requests of the own API: headers that every one carries, answers that come from Holdfast and nothing else, errors by their codes.
import { encodeClient, HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { requireOwn, requireStored } from "./answer-check.ts";
import { requireAny } from "./any-answer.ts";
import type { Auth } from "./auth.ts";
import { sizeOf } from "./body.ts";
import { bareOf, createLed, isLeading, requireRange } from "./led.ts";
import type { Limit } from "./limit.ts";
import { createPace } from "./pace.ts";
import type {
  Body,
  Clock,
  Connection,
  Transport,
  TransportRequest,
  TransportResponse,
} from "./ports.ts";
import { leadsTo, leadsTooFar, REDIRECTS_MAX } from "./redirects.ts";
import { createPatience, type Listener, listen, type Patient } from "./silence.ts";
import { watched } from "./watch.ts";

const PRODUCT = "holdfast-js/0.1.0";
/** A manifest of 100,000 parts has less than 5 MiB; nothing else that is read as text comes near. */
const TEXT_BYTES_MAX: number = 64 * 1024 * 1024;
/** What an answer says besides leading on. */
const SKIMMED_BYTES_MAX: number = 64 * 1024;

export interface WireParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly auth: Auth;
  readonly limit: Limit;
  /** Addresses at which Holdfast has answered. */
  readonly answered: Set<string>;
  /** Random; names this running transfer. */
  readonly transfer: string;
  readonly stallMs: number;
}

export interface WireRequest {
  readonly method: TransportRequest["method"];
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  readonly room?: TransportRequest["room"];
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
  /** As `send`, for bytes that whoever asks checks: where the server leads to the store that has them, they come from there. */
  sendLed<T>(request: WireRequest, use: (answer: WireAnswer) => Promise<T>): Promise<T>;
  /**
   * Asks any server for bytes: follows where it leads, and takes no token along, not even on its first step.
   *
   * @throws HoldfastError by the status of the answer, which is in `details.status`; `wrong_address`, `connection_failed`, `stalled`; the signal's reason.
   */
  sendAny<T>(request: WireRequest, use: (answer: WireAnswer) => Promise<T>): Promise<T>;
  /**
   * Sends a signed request to wherever it leads: no token goes along, to a store nothing that was not signed, and nothing follows a redirect.
   *
   * @throws HoldfastError by what answered: a Holdfast server as with `send`, a store by `storeError`; `connection_failed`, `stalled`; the signal's reason.
   */
  sendSigned(request: WireRequest, to: "own server" | "store"): Promise<void>;
}

export function createWire(parts: WireParts): Wire {
  const { auth, clock, stallMs, transport } = parts;
  const patience = createPatience();
  const common = { pace: createPace(clock) };
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
    require: (response, answer) => requireOwn(response, answer, request.url, clock, parts.answered),
  });
  /** One step: what came of it, or where it leads. */
  const step = <T>(request: WireRequest, use: (answer: WireAnswer) => Promise<T>) =>
    sendOnce<{ readonly value: T } | { readonly next: string }>(
      parts,
      request,
      {
        headers: { ...request.headers, "user-agent": PRODUCT },
        require: async (response) => {
          const isOurs = response.header("holdfast-version") !== undefined;
          if (!isOurs && leadsTo(response, request.url) === undefined) requireAny(response, clock);
        },
      },
      { pace: elsewhere.pace, times: 1 },
      async (answer) => {
        const next = leadsTo(answer, request.url);
        if (next === undefined) return { value: await use(answer) };
        await skim(answer);
        return { next };
      },
    );
  /** Whoever gives out tokens may be silent as the server may. */
  const askFor = <A>({ signal: given }: WireRequest, question: () => Promise<A>) =>
    watched(clock, stallMs, given, (signal) => unlessAborted(question(), signal)).catch(
      (error: unknown) => {
        if (toHoldfastError(error).code !== "stalled") throw error;
        auth.forget();
        throw new HoldfastError("stalled", "whoever gives out tokens does not answer");
      },
    );
  async function sendBy<T>(request: WireRequest, way: typeof toOwn, use: Use<T>): Promise<T> {
    const sendWith = (token: string | undefined) =>
      request.body
        ? patience.learn((times) =>
            sendOnce(parts, request, way(request, token), { ...common, times }, use),
          )
        : sendOnce(parts, request, way(request, token), { ...common, times: 1 }, use);
    const token = await askFor(request, () => auth.current());
    try {
      return await sendWith(token);
    } catch (error) {
      if (token === undefined || toHoldfastError(error).code !== "unauthorized") throw error;
      if (!(await askFor(request, () => auth.renew(token)))) throw error;
    }
    return sendWith(await askFor(request, () => auth.current()));
  }
  const send: Wire["send"] = (request, use) => sendBy(request, toOwn, use);
  /** An answer of ours may lead on; nobody else's does. */
  const toLeading: typeof toOwn = (request, token) => {
    const own = toOwn(request, token);
    const require: Way["require"] = async (response, answer) => {
      if (!isLeading(response)) await own.require(response, answer);
    };
    return { ...own, require };
  };
  const led = createLed({
    ...{ clock, send },
    ask: (request, use) =>
      sendBy(request, toLeading, async (answer) => {
        if (!isLeading(answer)) return { value: await use(answer) };
        const next = leadsTo(answer, request.url);
        await skim(answer);
        return { next: next ?? request.url };
      }),
    fetchAt: (url, request, use) =>
      sendOnce(
        parts,
        { ...request, url },
        {
          headers: { ...bareOf(request), "user-agent": PRODUCT },
          require: (response, answer) => requireRange(response, answer, clock),
        },
        { pace: elsewhere.pace, times: 1 },
        use,
      ),
  });
  return {
    send,
    sendLed: transport.tellsWhereTo ? led : send,
    async sendAny(request, use) {
      let { url } = request;
      for (let steps = 0; steps <= REDIRECTS_MAX; steps++) {
        const came = await step({ ...request, url }, use);
        if ("value" in came) return came.value;
        url = came.next;
      }
      throw leadsTooFar();
    },
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
  };
}

type Use<T> = (answer: WireAnswer) => Promise<T>;

/** Reads on as far as it is worth it to have the connection for the next request; nobody is owed more, and there may be no end of it. */
async function skim(answer: WireAnswer): Promise<void> {
  let left = SKIMMED_BYTES_MAX;
  const take = (piece: Uint8Array): void => {
    left -= piece.length;
    if (left < 0) throw new HoldfastError("aborted");
  };
  await answer.read(take).catch(() => "the connection is of no more use");
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
  let left = request.body && sizeOf(request.body);
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
      ...(request.room ? { room: request.room } : {}),
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

function answerOf(
  response: TransportResponse,
  limit: Limit,
  silence: Pick<Listener, "begins" | "ends">,
): WireAnswer {
  const read = (take: (piece: Uint8Array) => void | Promise<void>) =>
    response.read((piece) => {
      silence.ends("receiving", piece.length);
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

/** Hands on as much as may move: a piece can be a megabyte, and whoever limits a line to little wants to see it move. */
async function throttled(
  limit: Limit,
  first: number | Promise<number>,
  piece: Uint8Array,
  take: (piece: Uint8Array) => void | Promise<void>,
  touch: () => void,
): Promise<void> {
  let granted = await first;
  for (let at = 0; ; granted = await limit.grant(piece.length - at)) {
    touch();
    await take(piece.subarray(at, at + granted));
    at += granted;
    if (at >= piece.length) return;
  }
}
