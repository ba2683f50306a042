// The fetch-style adapter: `Request -> Response`, for hosts that speak the web platform (Hono, Next, Deno, Bun) and over the same handlers as node:http.
import type { Front } from "./front.ts";
import { PACE, type PaceRule, READ_PACE } from "./pace.ts";
import { type Reply, replyHeaders } from "./reply.ts";
import { answer } from "./route.ts";
import { createStreamBody } from "./stream-body.ts";
import { streamOf } from "./stream-reply.ts";

/** Answers one request; never rejects. The host must not have read the body. */
export type FetchHandler = (request: Request, connection?: FetchConnection) => Promise<Response>;

/** What the host knows and a request does not tell. */
export interface FetchConnection {
  /** The address at the other end of the connection; for the log. */
  readonly address?: string;
}

export interface FetchOptions {
  readonly pace?: PaceRule;
  readonly readPace?: PaceRule;
}

export function createFetchHandler(front: Front, options: FetchOptions = {}): FetchHandler {
  const { pace = PACE, readPace = READ_PACE } = options;
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
      isFromProxy: () => front.trust.isProxy(address ?? ""),
      // Over HTTP/2, and made by hand, a request has its host in its address alone.
      header: (name) => request.headers.get(name) ?? (name === "host" ? host : undefined),
    });
    body.release();
    return toResponse(front, request.method, reply, readPace);
  };
}

function toResponse(front: Front, method: string, reply: Reply, pace: PaceRule): Response {
  const { status, content } = reply;
  const init = { status, headers: replyHeaders(reply) };
  if (method === "HEAD" || content.kind === "none") return new Response(null, init);
  if (content.kind === "bytes") return new Response(content.bytes.slice(), init);
  return new Response(streamOf(front, content.open, pace), init);
}
