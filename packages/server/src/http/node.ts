// The adapter of node:http: turns what it gives into requests, and hands replies to the one place that writes. Writes nothing itself.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { Duplex } from "node:stream";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { connectionCut, createRequestBody, type RequestBody } from "./body.ts";
import { fromRequest } from "./body-source.ts";
import type { Front } from "./front.ts";
import { canInform, type Interim } from "./interim.ts";
import { type CountedOutlet, outletOf } from "./outlet.ts";
import { PACE, type PaceRule, READ_PACE } from "./pace.ts";
import { problemReply } from "./problem.ts";
import { canSendInterim, sendInterim, sendRaw, sendReply } from "./reply.ts";
import type { Inform, Request } from "./request.ts";
import { answer } from "./route.ts";
import type { LOCAL_PEER } from "./trust.ts";
import type { WindowRule } from "./windows.ts";

export interface HttpOptions {
  readonly pace?: PaceRule;
  /** Whoever reads a reply more slowly than this holds memory and a connection in vain and is cut off. */
  readonly readPace?: PaceRule;
  /** Who is sent interim responses; `direct` by default. */
  readonly interim?: Interim | undefined;
  /** Who is at the other end of every connection, where that is no address. */
  readonly peer?: typeof LOCAL_PEER | undefined;
  /** Whether an address may connect; everybody may by default. */
  readonly mayConnect?: (address: string) => boolean;
  /** What bodies of HTTP/2 may have sent before they are read. */
  readonly windows?: WindowRule;
  /** With a certificate it speaks TLS; without, plain HTTP. */
  readonly tls?: SecureContextOptions & Pick<TlsOptions, "ALPNProtocols">;
}

/** A request that is not answered yet. Of several on one connection the last one counts: its body is what is being read. */
interface Exchange {
  readonly body: RequestBody;
  readonly res: ServerResponse;
  /** Resolves when the reply is sent or the connection gone. */
  readonly over: Promise<void>;
  /** The connection is good for nothing after this. */
  isLast: boolean;
}

export const HEADERS_SIZE_MAX: number = 64 * KIB;
const HEADERS_TIMEOUT_MS = 60_000;
export const KEEP_ALIVE_MS = 60_000;
/** A connection over which nothing goes for so long is asked after. */
export const SILENT_MS = 30_000;
const LINGER_MS = 2_000;
const HANDSHAKE_TIMEOUT_MS = 20_000;
/** Connections at once, above which new ones are closed: each costs a descriptor and some memory, and a client needs a handful. */
export const CONNECTIONS_MAX = 4_000;
/** Requests of one connection without an answer. Hardly any client sends ahead; one that never stops would fill the memory while its first request waits. */
const UNANSWERED_MAX = 8;

/** Answers a request of node:http. Nobody may have read its body. */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => void;

/** For a server that exists already: its connections, and what never becomes a request, are its own. */
export function createNodeHandler(front: Front, options: HttpOptions = {}): NodeHandler {
  // What its host has put around a reply would not see what goes past it.
  const { begin } = createExchanges(front, options, () => undefined);
  return (req, res) => begin(req, res);
}

export function createHttpServer(front: Front, options: HttpOptions = {}): Server | SecureServer {
  const { tls, mayConnect } = options;
  const { begin, onClientError } = createExchanges(
    front,
    options,
    tls ? () => undefined : outletOf,
  );
  const settings = {
    maxHeaderSize: HEADERS_SIZE_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Bodies have a rule of their own, by their pace; a good one may take hours.
    requestTimeout: 0,
    insecureHTTPParser: false,
    // Checked here, so that the answer is a problem document as any other.
    requireHostHeader: false,
    noDelay: true,
    // Who follows an upload that stands still is sent nothing: the kernel finds out whether he is still there.
    keepAlive: true,
    keepAliveInitialDelay: SILENT_MS,
  };
  const server = tls
    ? createSecureServer({ ...settings, ...tls, handshakeTimeout: HANDSHAKE_TIMEOUT_MS })
    : createServer(settings);
  server.maxConnections = CONNECTIONS_MAX;
  server.on("request", (req, res) => begin(req, res));
  server.on("checkContinue", (req, res) => begin(req, res, () => res.writeContinue()));
  server.on("checkExpectation", (req, res) => begin(req, res));
  server.on("clientError", onClientError);
  // Before it has said anything: what it would send in the clear must not be sent.
  server.on("connection", (socket) => {
    if (mayConnect && !mayConnect(socket.remoteAddress ?? "")) socket.destroy();
  });
  return server;
}

interface Exchanges {
  begin(req: IncomingMessage, res: ServerResponse, onFirstRead?: () => void): void;
  /** What never became a request, or broke one. */
  onClientError(error: NodeJS.ErrnoException, socket: Duplex): void;
}

function createExchanges(
  front: Front,
  options: HttpOptions,
  outletFor: (res: ServerResponse) => CountedOutlet | undefined,
): Exchanges {
  const { pace = PACE, readPace = READ_PACE, interim: setting = "direct", peer } = options;
  const reader = { pace: readPace, clock: front.clock, log: front.log };
  const exchanges = new WeakMap<Duplex, Exchange>();
  const unanswered = new WeakMap<Duplex, number>();

  async function handle(req: IncomingMessage, res: ServerResponse, onFirstRead?: () => void) {
    const body = createRequestBody(fromRequest(req), { clock: front.clock, pace, onFirstRead });
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const exchange: Exchange = { body, res, over, isLast: false };
    const before = exchanges.get(req.socket);
    exchanges.set(req.socket, exchange);
    res.on("close", () => {
      resolve();
      // A reply that began before the shutdown, or before what follows it proved to be no request, promised to keep its connection: nobody else will close it.
      if (front.isClosing() || exchange.isLast) req.socket.destroySoon();
    });
    // The client may be gone at any moment; the body tells the engine, and nobody is left to be answered.
    req.on("error", () => body.cut(connectionCut()));
    res.on("error", () => body.cut(connectionCut()));
    // One at a time: a reply that waits behind another one would never learn that its connection is gone.
    if (before && !before.res.destroyed) await before.over;
    if (req.socket.destroyed) return resolve();
    const request = toRequest(front, req, { body, inform: informOf(req, res), peer });
    const reply = request ? await answer(front, request) : problemReply(noHost(), front);
    const isLast = !request || exchange.isLast || front.isClosing();
    const leave = front.replies.enter(() => res.destroy());
    try {
      const outlet = outletFor(res);
      await sendReply(res, reply, { method: req.method ?? "", body, isLast, reader, outlet });
    } finally {
      leave();
    }
    body.release();
  }

  function informOf(req: IncomingMessage, res: ServerResponse): Inform | undefined {
    const { httpVersion, headers, socket } = req;
    const isFromProxy = front.trust.isProxy(peer ?? socket.remoteAddress ?? "");
    const way = { setting, httpVersion, fields: Object.keys(headers), isFromProxy };
    if (!canSendInterim(res) || !canInform(way)) return undefined;
    return (status, fields) => sendInterim(res, status, fields);
  }

  function begin(req: IncomingMessage, res: ServerResponse, onFirstRead?: () => void): void {
    const { socket } = req;
    const count = (change: number) => {
      const after = (unanswered.get(socket) ?? 0) + change;
      unanswered.set(socket, after);
      return after;
    };
    if (count(1) > UNANSWERED_MAX) socket.destroy();
    // What came with the same bytes is still handed out after that.
    if (socket.destroyed) return;
    res.on("close", () => count(-1));
    handle(req, res, onFirstRead).catch((error: unknown) => {
      front.log("error", "internal error", { error });
      res.destroy();
    });
  }

  function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = exchanges.get(socket);
    if (exchange && !exchange.res.writableEnded && !socket.destroyed) {
      exchange.isLast = true;
      if (!exchange.body.hasArrived()) exchange.body.cut(toCut(error));
      return;
    }
    // Nobody is there to be answered, or the answer is on its way and what follows is more of the same garbage.
    if (isGone(error) || !socket.writable) {
      if (isGone(error)) socket.destroy();
      return;
    }
    sendRaw(socket, problemReply(toRefusal(error), front));
    const callOff = front.clock.after(LINGER_MS, () => socket.destroy());
    socket.on("close", callOff);
  }

  return { begin, onClientError };
}

/** Undefined where HTTP/1.1's one mandatory header is missing, or there twice: somebody in front may have gone by the other one (RFC 9112 section 3.2). */
function toRequest(
  { trust }: Front,
  req: IncomingMessage,
  { body, inform, peer }: Pick<Request, "body" | "inform"> & Pick<HttpOptions, "peer">,
): Request | undefined {
  const hosts = countHosts(req);
  if (hosts > 1 || (hosts === 0 && req.httpVersion === "1.1")) return undefined;
  // A proxy's form of the target has an origin in front (RFC 9112 section 3.2.2).
  const target = urlOf(req).replace(/^https?:\/\/[^/?#]*/i, "");
  const mark = target.indexOf("?");
  return {
    address: () =>
      trust.addressOf(
        peer ?? req.socket.remoteAddress,
        req.headersDistinct["x-forwarded-for"]?.join(","),
      ),
    isFromProxy: () => trust.isProxy(peer ?? req.socket.remoteAddress ?? ""),
    method: req.method ?? "",
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : target.slice(mark)),
    body,
    inform,
    header(name) {
      const field = req.headers[name];
      return Array.isArray(field) ? field.join(", ") : field;
    },
    trailer: (name) => req.trailers[name],
  };
}

/** Express takes the path that a handler is mounted at off `url`, and keeps the whole in `originalUrl`. */
function urlOf(req: IncomingMessage & { readonly originalUrl?: unknown }): string {
  return typeof req.originalUrl === "string" ? req.originalUrl : (req.url ?? "");
}

/** node:http shows the first one only. */
function countHosts({ rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") count++;
  }
  return count;
}

export function noHost(): HoldfastError {
  return new HoldfastError("invalid_request", "there must be one Host header", { field: "host" });
}

function isGone(error: NodeJS.ErrnoException): boolean {
  return error.code === "HPE_INVALID_EOF_STATE" || !error.code?.match(/^(HPE_|ERR_HTTP_)/);
}

function toCut(error: NodeJS.ErrnoException): HoldfastError {
  return isGone(error) ? connectionCut() : toRefusal(error);
}

function toRefusal(error: NodeJS.ErrnoException): HoldfastError {
  if (error.code === "HPE_HEADER_OVERFLOW") {
    return new HoldfastError("headers_too_large", undefined, { limit: HEADERS_SIZE_MAX });
  }
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new HoldfastError("body_stalled", "the request's headers did not come in time");
  }
  return new HoldfastError("invalid_request", `this is not well-formed HTTP (${error.code})`);
}
