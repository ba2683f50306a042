// A door between commands and a server that lets one request of a kind through: a command is where the test wants it however slow the machine is.
import { once } from "node:events";
import { createServer, request as forward, type IncomingMessage } from "node:http";

export type Kind = (request: IncomingMessage) => boolean;

export interface Gate {
  readonly url: string;
  /**
   * Lets the next request of a kind pass, and keeps the others waiting until they end with whoever sent them. Resolves when the answer to the one has gone out.
   * Requests of other kinds pass.
   */
  only(isOfKind: Kind): Promise<void>;
  /** Everything passes again. */
  open(): void;
  close(): Promise<void>;
}

type Fate = "pass" | "wait" | (() => void);

export async function openGate(target: string): Promise<Gate> {
  let fateOf: (request: IncomingMessage) => Fate = () => "pass";
  const server = createServer((request, response) => {
    const fate = fateOf(request);
    if (fate === "wait") return;
    const { method = "", url = "", headers } = request;
    const onward = forward(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      if (fate !== "pass") response.once("finish", fate);
      answer.on("error", () => response.destroy()).pipe(response);
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
    only: (isOfKind) =>
      new Promise((resolve) => {
        let hasPassed = false;
        fateOf = (request) => {
          if (!isOfKind(request)) return "pass";
          if (hasPassed) return "wait";
          hasPassed = true;
          return resolve;
        };
      }),
    open() {
      fateOf = () => "pass";
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export const isComplete: Kind = ({ method, url = "" }) =>
  method === "POST" && url.endsWith("/complete");

/** Bytes of a file, or to an upload. */
export const movesBytes: Kind = ({ method = "", url = "" }) =>
  method === "PUT" || method === "PATCH" || (method === "GET" && /^\/v1\/files\/[^/]+$/.test(url));
