// The adapter of node:http2: streams become requests, replies go out on them. Over TLS where a client asks for it (ALPN), or in the clear on a port of its own.
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { KIB, MIB } from "@holdfast/protocol";
import { connectionCut, createRequestBody, type RequestBody } from "./body.ts";
import type { BodySource } from "./body-source.ts";
import type { Front } from "./front.ts";
import { canInform } from "./interim.ts";
import { CONNECTIONS_MAX, type HttpOptions, KEEP_ALIVE_MS, noHost, SILENT_MS } from "./node.ts";
import { PACE, READ_PACE } from "./pace.ts";
import { problemReply } from "./problem.ts";
import { LINGER, type Reply, replyHeaders, sendPiece, sendStream } from "./reply.ts";
import type { Inform, Request } from "./request.ts";
import { answer } from "./route.ts";
import { createWindows, STREAM_WINDOW } from "./windows.ts";
import type { Reader } from "./writer.ts";

const SESSION_WINDOW: number = 16 * MIB;
const STREAMS_MAX = 32;
const HEADERS_SIZE_MAX: number = 64 * KIB;

export interface H2 {
  /** Takes connections by `connection` too, from whoever has accepted them. */
  readonly server: Http2Server;
  /** No new streams: each connection closes with its last one. */
  end(): void;
  /** Closes them now. */
  cut(): void;
}

interface Connection {
  readonly session: ServerHttp2Session;
  /** Under way. */
  streams: number;
  /** Ends the wait for the next one. */
  callOff: () => void;
}

export function createH2(front: Front, options: HttpOptions = {}): H2 {
  const { pace = PACE, readPace = READ_PACE, interim: setting = "direct", mayConnect } = options;
  const reader = { pace: readPace, clock: front.clock, log: front.log };
  const connections = new Map<object, Connection>();
  const windows = createWindows(front.clock, options.windows);
  const server = createServer({
    // A field with a space at its end would be dropped without a word otherwise, a checksum too. It is read as in HTTP/1.1.
    strictFieldWhitespaceValidation: false,
    settings: {
      initialWindowSize: STREAM_WINDOW,
      maxConcurrentStreams: STREAMS_MAX,
      maxHeaderListSize: HEADERS_SIZE_MAX,
      enablePush: false,
    },
  });

  server.maxConnections = CONNECTIONS_MAX;
  // Who follows an upload that stands still is sent nothing: the kernel finds out whether he is still there.
  server.on("connection", (socket: Socket) => socket.setKeepAlive(true, SILENT_MS));
  server.on("session", (session) => {
    if (mayConnect && !mayConnect(session.socket.remoteAddress ?? "")) {
      session.destroy();
      return;
    }
    const connection = { session, streams: 0, callOff: () => undefined };
    connections.set(session, connection);
    session.setLocalWindowSize(SESSION_WINDOW);
    windows.join(session);
    rest(connection);
    session.on("close", () => {
      connection.callOff();
      connections.delete(session);
    });
    // A connection that breaks is told by its streams.
    session.on("error", () => undefined);
    if (front.isClosing()) session.close();
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const { session } = stream;
    count(session, 1);
    stream.on("close", () => count(session, -1));
    stream.on("error", () => undefined);
    handle(stream, headers).catch((error: unknown) => {
      front.log("error", "internal error", { error });
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
  });

  /** A connection that has closed meanwhile is not counted any more. */
  function count(session: object | undefined, change: 1 | -1): void {
    const connection = session && connections.get(session);
    if (!connection) return;
    connection.streams += change;
    connection.callOff();
    if (connection.streams === 0) rest(connection);
  }

  /** Only requests keep a connection: one that pings, or never comes to the end of its headers, may do so for as long as one that is silent. */
  function rest(connection: Connection): void {
    const { session } = connection;
    connection.callOff = front.clock.after(KEEP_ALIVE_MS, () => {
      session.close();
      // Half a request is waited for no longer than that.
      connection.callOff = front.clock.after(LINGER.ms, () => session.destroy());
    });
  }

  async function handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    // In any case of letters (RFC 9110 section 10.1.1).
    const isExpecting = headers.expect?.toLowerCase() === "100-continue";
    const onFirstRead = isExpecting ? () => stream.additionalHeaders(CONTINUE) : undefined;
    const body = createRequestBody(fromStream(stream, headers), {
      ...{ clock: front.clock, pace, onFirstRead },
    });
    windows.enter(stream, body);
    // Told before the end of the stream, which is there however it ended.
    stream.on("aborted", () => body.cut(connectionCut()));
    let trailers: IncomingHttpHeaders = {};
    stream.on("trailers", (fields) => {
      trailers = fields;
    });
    const request = toRequest(front, {
      ...{ stream, headers, body, inform: informOf(stream, headers) },
      trailers: () => trailers,
    });
    const reply = request ? await answer(front, request) : problemReply(noHost(), front);
    const leave = front.replies.enter(() => stream.close(constants.NGHTTP2_CANCEL));
    try {
      await sendH2(stream, reply, { method: headers[":method"] ?? "", body, reader });
    } finally {
      leave();
    }
    body.release();
  }

  function informOf(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Inform | undefined {
    const isFromProxy = front.trust.isProxy(addressOf(stream) ?? "");
    const way = { setting, httpVersion: "2", fields: Object.keys(headers), isFromProxy };
    if (!canInform(way)) return undefined;
    return (status, fields) => {
      if (stream.headersSent || stream.destroyed || stream.closed) return;
      stream.additionalHeaders({ ":status": status, ...fields });
    };
  }

  return {
    server,
    end() {
      for (const { session } of connections.values()) session.close();
    },
    cut() {
      for (const { session } of connections.values()) session.destroy();
    },
  };
}

const CONTINUE = { ":status": 100 };

function fromStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): BodySource {
  const field = headers["content-length"];
  const size = field === undefined ? undefined : Number(field);
  return {
    stream,
    size: stream.endAfterHeaders ? 0 : size,
    isComplete: () => !stream.aborted && (stream.endAfterHeaders || stream.readableEnded),
    isGone: () => stream.aborted || stream.destroyed,
    connection: stream,
    goStraight: () => undefined,
  };
}

function addressOf({ session }: ServerHttp2Stream): string | undefined {
  return session?.destroyed === false ? session.socket.remoteAddress : undefined;
}

interface Received {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly body: RequestBody;
  readonly inform: Inform | undefined;
  /** What stands behind the body, as far as it has come. */
  readonly trailers: () => IncomingHttpHeaders;
}

/** Undefined where nobody says which host is meant, or says it twice and differently: somebody in front may have gone by the other one (RFC 9113 section 8.3.1). */
function toRequest(
  { trust }: Front,
  { stream, headers, body, inform, trailers }: Received,
): Request | undefined {
  const { ":authority": authority, host: said } = headers;
  const host = authority ?? said;
  if (host === undefined || (said ?? host) !== host) return undefined;
  const target = headers[":path"] ?? "";
  const mark = target.indexOf("?");
  const peer = addressOf(stream);
  const header = (name: string) => textOf(name === "host" ? host : headers[name]);
  return {
    address: () => trust.addressOf(peer, header("x-forwarded-for")),
    isFromProxy: () => trust.isProxy(peer ?? ""),
    method: headers[":method"] ?? "",
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : target.slice(mark)),
    body,
    inform,
    header,
    trailer: (name) => textOf(trailers()[name]),
  };
}

function textOf(field: string | readonly string[] | undefined): string | undefined {
  return (typeof field === "object" ? field.join(", ") : field)?.trim();
}

interface Sending {
  readonly method: string;
  readonly body: RequestBody;
  readonly reader: Reader;
}

/** As `sendReply`, on a stream: it ends alone, and its connection goes on. */
async function sendH2(
  stream: ServerHttp2Stream,
  reply: Reply,
  { method, body, reader }: Sending,
): Promise<void> {
  if (!body.hasArrived()) await nextTurn();
  if (stream.destroyed || stream.closed) return;
  const { content } = reply;
  stream.respond({ ":status": reply.status, ...replyHeaders(reply) });
  if (method !== "HEAD" && content.kind === "bytes") await sendPiece(stream, content.bytes, reader);
  if (method !== "HEAD" && content.kind === "stream") {
    const isClear = stream.session?.encrypted === false;
    await sendStream(stream, isClear ? copied(content) : content, reader);
  }
  const isUnread = !body.hasArrived();
  if (!stream.destroyed) stream.end();
  if (!isUnread) return;
  await body.discard(LINGER);
  // Who still sends may stop now: the answer is complete (RFC 9113 section 8.1).
  if (!stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
}

type Stream = Extract<Reply["content"], { kind: "stream" }>;

/**
 * In the clear node:http2 hands memory to the kernel as it is, and goes on with it where its stream was reset meanwhile: what is read into it next, for somebody
 * else, would go out here. TLS has its own copy of what it encrypts.
 */
function copied({ open, ...content }: Stream): Stream {
  return {
    ...content,
    async *open(gone) {
      for await (const piece of open(gone)) yield new Uint8Array(piece);
    },
  };
}
