// The fetch-style adapter: `Request -> Response`, for hosts that speak the web platform (Hono, Next, Deno, Bun) and over the same handlers as node:http.
import type { Log } from "@holdfast/engine";
import type { Front } from "./front.ts";
import { PACE, type PaceRule } from "./pace.ts";
import { logFailure, type Reply, replyHeaders } from "./reply.ts";
import { answer } from "./route.ts";
import { createStreamBody } from "./stream-body.ts";

/** Answers one request; never rejects. The host must not have read the body. */
export type FetchHandler = (request: Request, connection?: FetchConnection) => Promise<Response>;

/** What the host knows and a request does not tell. */
export interface FetchConnection {
  /** The address at the other end of the connection; for the log. */
  readonly address?: string;
}

export interface FetchOptions {
  readonly pace?: PaceRule;
}

export function createFetchHandler(front: Front, { pace = PACE }: FetchOptions = {}): FetchHandler {
  return async (request, { address } = {}) => {
    const body = createStreamBody(request, { clock: front.clock, pace });
    const { pathname, searchParams, host } = new URL(request.url);
    const reply = await answer(front, {
      method: request.method,
      path: pathname,
      query: searchParams,
      body,
      address: () =>
        front.trust.addressOf(address, request.headers.get("x-forwarded-for") ?? undefined),
      // Over HTTP/2, and made by hand, a request has its host in its address alone.
      header: (name) => request.headers.get(name) ?? (name === "host" ? host : undefined),
    });
    body.release();
    return toResponse(front, request.method, reply);
  };
}

function toResponse({ log }: Front, method: string, reply: Reply): Response {
  const { status, content } = reply;
  const init = { status, headers: replyHeaders(reply) };
  if (method === "HEAD" || content.kind === "none") return new Response(null, init);
  if (content.kind === "bytes") return new Response(content.bytes.slice(), init);
  return new Response(streamOf(content.open, log), init);
}

/** Asks for a piece only when somebody reads: a host may drop a response, as for a HEAD that it makes a GET, and nothing was begun then. */
function streamOf(
  open: (gone: AbortSignal) => AsyncGenerator<Uint8Array, void, void>,
  log: Log,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const pieces = open(gone.signal);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next();
          if (gone.signal.aborted) return;
          // Each piece is valid until the next one is asked for, and the stream keeps what it is given for longer.
          if (done) controller.close();
          else controller.enqueue(value.slice());
        } catch (error) {
          logFailure(log, error);
          controller.error(error);
        }
      },
      cancel() {
        gone.abort();
        // A piece may be on its way from the disk: nobody waits for that.
        pieces.return().catch((error: unknown) => logFailure(log, error));
      },
    },
    { highWaterMark: 0 },
  );
}
