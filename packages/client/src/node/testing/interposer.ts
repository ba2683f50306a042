// For tests: stands between client and server as a proxy that does what it is told, one request at a time.
import { once } from "node:events";
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";

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

export interface Interposer {
  readonly url: string;
  readonly seen: readonly Seen[];
  /** How many requests of that method to paths with that text in them. */
  count(method: string, path: string): number;
  close(): Promise<void>;
}

/** `tamper` changes the body of an answer piece by piece. */
export async function interpose(
  target: string,
  meddle: Meddle = () => undefined,
  tamper: (request: IncomingMessage, piece: Buffer) => Buffer = (_, piece) => piece,
): Promise<Interposer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    seen.push({ method, path: url, headers });
    const instead = meddle(request, response);
    if (instead) return instead(request, response);
    const onward = forward(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.on("data", (piece: Buffer) => response.write(tamper(request, piece)));
      answer.on("end", () => response.end());
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    count: (method, path) =>
      seen.filter((one) => one.method === method && one.path.includes(path)).length,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
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
