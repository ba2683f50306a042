// For tests: stands between client and server as a proxy that does what it is told, one request at a time.
import type { IncomingMessage, ServerResponse } from "node:http";
import { passOn, type Relay, startRelay } from "./relay.ts";

/** What to do with a request instead of passing it on; undefined passes it on. */
export type Meddle = (
  request: IncomingMessage,
  response: ServerResponse,
) => ((request: IncomingMessage, response: ServerResponse) => void) | undefined;

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

export interface Interposer extends Relay {
  readonly seen: readonly Seen[];
  /** How many requests of that method to paths with that text in them. */
  count(method: string, path: string): number;
}

/** `tamper` changes the body of an answer piece by piece. */
export async function interpose(
  target: string,
  meddle: Meddle = () => undefined,
  tamper: (request: IncomingMessage, piece: Buffer) => Buffer = (_, piece) => piece,
): Promise<Interposer> {
  const seen: Seen[] = [];
  const relay = await startRelay((request, response) => {
    const { method = "", url = "", headers } = request;
    seen.push({ method, path: url, headers });
    const instead = meddle(request, response);
    if (instead) return instead(request, response);
    passOn(target, request, response, (piece) => tamper(request, piece));
  });
  return {
    ...relay,
    seen,
    count: (method, path) =>
      seen.filter((one) => one.method === method && one.path.includes(path)).length,
  };
}

/** Does something to the first `times` requests of a method to paths with a text in them. */
export function first(
  times: number,
  method: string,
  path: string,
  what: ReturnType<Meddle>,
): Meddle {
  let left = times;
  return (request) => {
    if (request.method !== method || !request.url?.includes(path) || left === 0) return undefined;
    left--;
    return what;
  };
}

/** Answers at once with a status and headers, whatever the body. */
export function answer(
  status: number,
  headers: Record<string, string>,
  body = "",
): ReturnType<Meddle> {
  return (request, response) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  };
}

/** A problem document of ours. */
export function problem(
  status: number,
  code: string,
  headers: Record<string, string> = {},
  details: object = {},
): ReturnType<Meddle> {
  const type = "application/problem+json";
  const own = { "holdfast-version": "1", "content-type": type, ...headers };
  return answer(status, own, JSON.stringify({ ...details, code, status, detail: `told: ${code}` }));
}
