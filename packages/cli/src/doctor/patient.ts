// The server that is examined, and one raw exchange with it: no retries, no redirects, everything that happens on the way is seen.
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  Agent as PlainAgent,
  request,
} from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { HoldfastError } from "@holdfast/protocol";

export interface Patient {
  /** Without a slash at its end. */
  readonly base: URL;
  /** Undefined where there is none, or where it may not be sent. */
  readonly token: string | undefined;
  /** Origin of a page that is to use the server from a browser. */
  readonly origin: string | undefined;
  /** Largest body that may be tried, in bytes. */
  readonly bodyMax: number;
  readonly agent: PlainAgent;
}

export interface Exchange {
  readonly method: string;
  /** Below the base, such as `/v1/uploads`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Sends the body by itself instead; ends the request. */
  readonly send?: (sent: ClientRequest) => Promise<void>;
  /** Told of each piece of the answer as it comes; true ends the exchange there. */
  readonly onPiece?: (piece: Uint8Array) => boolean;
  /** Told of each interim response. */
  readonly onInterim?: (status: number, headers: IncomingHttpHeaders) => void;
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
  readonly body: Uint8Array;
  /** The connection had carried a request before. */
  readonly isReused: boolean;
  /** From the request to the head of the answer, in milliseconds. */
  readonly headMs: number;
}

const TIMEOUT_MS = 20_000;
const ANSWER_BYTES_MAX: number = 8 * 1024 * 1024;

export function createPatient(
  base: URL,
  facts: Pick<Patient, "token" | "origin" | "bodyMax">,
): Patient {
  const settings = { keepAlive: true, maxSockets: 4 };
  const agent = base.protocol === "https:" ? new SecureAgent(settings) : new PlainAgent(settings);
  return { base, agent, ...facts };
}

/** Resolves with the answer, whatever its status is. @throws HoldfastError `connection_failed`, `stalled` */
export function exchange(patient: Patient, what: Exchange): Promise<Answer> {
  const { base, token, agent } = patient;
  const { method, path, headers, body, send, onPiece, onInterim, timeoutMs = TIMEOUT_MS } = what;
  const url = new URL(base.pathname.replace(/\/+$/, "") + path, base);
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const length = body ? { "content-length": String(body.length) } : {};
    const login = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = (base.protocol === "https:" ? secureRequest : request)(url, {
      method,
      agent,
      headers: { ...length, ...login, "accept-encoding": "identity", ...headers },
    });
    const timer = setTimeout(() => {
      const why = `no answer to ${method} ${path} within ${timeoutMs / 1000} s`;
      sent.destroy(new HoldfastError("stalled", why));
    }, timeoutMs);
    const settle = (task: () => void): void => {
      clearTimeout(timer);
      task();
    };
    sent.on("error", (error) => settle(() => reject(asOurs(error))));
    sent.on("information", ({ statusCode, headers }) => onInterim?.(statusCode, headers));
    sent.on("response", (came) => {
      const headMs = performance.now() - startedAt;
      const pieces: Uint8Array[] = [];
      let size = 0;
      const finish = (): void =>
        settle(() =>
          resolve({
            status: came.statusCode ?? 0,
            headers: came.headers,
            httpVersion: came.httpVersion,
            body: Buffer.concat(pieces),
            isReused: sent.reusedSocket,
            headMs,
          }),
        );
      came.on("data", (piece: Uint8Array) => {
        size += piece.length;
        if (size <= ANSWER_BYTES_MAX) pieces.push(piece);
        if (!onPiece?.(piece) && size <= ANSWER_BYTES_MAX) return;
        finish();
        sent.destroy();
      });
      came.on("end", finish);
      // Cut short: what came counts.
      came.on("error", finish);
    });
    if (send) send(sent).catch((error: unknown) => sent.destroy(asOurs(error)));
    else sent.end(body);
  });
}

function asOurs(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const message = error instanceof Error ? error.message || String(error) : String(error);
  return new HoldfastError("connection_failed", message, {}, error);
}

/** A member of a JSON answer. */
export function memberOf({ body }: Answer, name: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    return typeof value === "object" && value !== null
      ? new Map<string, unknown>(Object.entries(value)).get(name)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether Holdfast itself answered, and nothing before it. */
export function isHoldfast({ headers }: Answer): boolean {
  return headers["holdfast-version"] !== undefined;
}
