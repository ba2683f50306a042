// Replies are data; this is the one place that writes them.
import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log, Outlet } from "@holdfast/engine";
import { HoldfastError, isHoldfastError, MIB } from "@holdfast/protocol";
import type { RequestBody } from "./body.ts";
import type { CountedOutlet } from "./outlet.ts";
import { createWriter, type PieceSink, type Reader } from "./writer.ts";

export type Headers = Readonly<Record<string, string>>;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly content: Content;
}

export type Content =
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Exactly `size` bytes, or as many as come where nobody knows; each piece is valid until the next one is asked for. Opened only if it is sent; `gone` is aborted once nobody reads any more, and an `outlet` may take bytes past the pieces. */
  | {
      readonly kind: "stream";
      readonly size: number | undefined;
      readonly open: (gone: AbortSignal, outlet?: Outlet) => AsyncGenerator<Uint8Array, void, void>;
    };

/** On every response; a reply's own headers stand over these. */
const COMMON: Headers = {
  "holdfast-version": "1",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

const UTF8 = new TextEncoder();

export function emptyReply(status: number, headers: Headers = {}): Reply {
  return { status, headers, content: { kind: "none" } };
}

export function bytesReply(
  status: number,
  type: string,
  bytes: Uint8Array,
  headers: Headers = {},
): Reply {
  return {
    status,
    headers: { "content-type": type, ...headers },
    content: { kind: "bytes", bytes },
  };
}

export function jsonReply(status: number, value: object, headers: Headers = {}): Reply {
  return bytesReply(status, "application/json", UTF8.encode(JSON.stringify(value)), headers);
}

/** A client that still sends gets this long to read its answer: closing at once would reset the connection, and the reset overtakes the answer. */
export const LINGER: { readonly ms: number; readonly bytes: number } = {
  ms: 2_000,
  bytes: 8 * MIB,
};

export interface Sending {
  readonly method: string;
  readonly body: RequestBody;
  /** Whether the connection ends with this reply, whatever came of the request. */
  readonly isLast: boolean;
  readonly reader: Reader;
  /** Where the kernel may send to the connection by itself. */
  readonly outlet?: CountedOutlet | undefined;
}

/** Resolves when the reply is handed over, or cannot be: a client that is gone is no error. */
export async function sendReply(
  res: ServerResponse,
  reply: Reply,
  { method, body, isLast, reader, outlet }: Sending,
): Promise<void> {
  if (res.destroyed) return;
  // node:http tells of a body's end only after the turn that brought its last byte: refused at once, a small one may be all there.
  if (!body.hasArrived()) await nextTurn();
  const isUnread = !body.hasArrived();
  res.writeHead(reply.status, headersOf(reply, isLast || isUnread));
  const { content } = reply;
  if (method === "HEAD" || content.kind === "none") res.flushHeaders();
  else if (content.kind === "stream") await sendStream(res, content, reader, outlet);
  else await sendPiece(res, content.bytes, reader);
  if (isUnread) await body.discard(LINGER);
  if (!res.writableEnded) res.end();
}

/** Before the reply; after it, or where nobody listens any more, nothing happens. */
export function sendInterim(res: ServerResponse, status: number, headers: Headers): void {
  if (res.headersSent || res.destroyed) return;
  res.writeInformation(status, { ...headers });
}

/** Older ones of Node have no way to. */
export function canSendInterim(res: ServerResponse): boolean {
  return "writeInformation" in res;
}

/** All headers of a reply but those of its connection. */
export function replyHeaders({ status, headers, content }: Reply): Record<string, string> {
  const size = sizeOf(content);
  return {
    ...COMMON,
    ...headers,
    // RFC 9110 section 8.6: none on 204, and a 304 would have to name the size of what it does not send.
    ...(status === 204 || status === 304 || size === undefined
      ? {}
      : { "content-length": String(size) }),
  };
}

function headersOf(reply: Reply, isLast: boolean): Record<string, string> {
  return { ...replyHeaders(reply), ...(isLast ? { connection: "close" } : {}) };
}

function sizeOf(content: Content): number | undefined {
  if (content.kind === "none") return 0;
  return content.kind === "bytes" ? content.bytes.length : content.size;
}

/** What ends a reply that is nobody's fault: what it tells of is gone or another by now, or somebody's right to it. */
const ENDS: ReadonlySet<string> = new Set([
  ...["file_not_found", "upload_not_found", "upload_ended", "upload_not_open"],
  ...["unauthorized", "forbidden", "signature_refused", "shutting_down"],
]);

/** Anything else is the storage's fault or ours. */
export function logFailure(log: Log, error: unknown): void {
  const isEnd = isHoldfastError(error) && ENDS.has(error.code);
  log(isEnd ? "info" : "error", "download failed", { error });
}

/** Asks for the next piece only when the kernel has taken the last one. A stream that fails has no way left to say so but a cut connection. */
export async function sendStream(
  res: PieceSink,
  content: Extract<Content, { kind: "stream" }>,
  reader: Reader,
  outlet?: CountedOutlet,
): Promise<void> {
  let sent = 0;
  let hasBegun = false;
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  const writer = createWriter(res, reader, outlet?.write);
  res.on("close", leave);
  try {
    for await (const piece of content.open(gone.signal, outlet)) {
      sent += piece.length;
      // The first one takes the head along, be it empty; any other that is empty has nothing to say to the connection.
      if (piece.length > 0 || !hasBegun) await writer.write(piece);
      hasBegun = true;
      if (res.destroyed) return;
    }
    sent += outlet?.taken() ?? 0;
    if (outlet?.end() !== false && sent === (content.size ?? sent)) return;
  } catch (error) {
    logFailure(reader.log, error);
  } finally {
    res.off("close", leave);
    writer.end();
  }
  cut(res, content.size);
}

/** Ends the connection so that nobody takes what came for all: where its end is that of the reply, only a reset is another one, and a stream of HTTP/2 that is destroyed without an error ends like a whole one. */
function cut(res: PieceSink, size: number | undefined): void {
  if (res.rstCode !== undefined) return void res.destroy(new HoldfastError("interrupted"));
  if (size === undefined && res.chunkedEncoding === false) {
    try {
      res.socket?.resetAndDestroy?.();
    } catch {
      // TLS and local sockets have no reset; the end of TLS says by itself that it was cut.
    }
  }
  res.destroy();
}

/** Resolves when the kernel has taken the only piece of a reply, or the connection is gone. */
export async function sendPiece(res: PieceSink, piece: Uint8Array, reader: Reader): Promise<void> {
  const writer = createWriter(res, reader);
  await writer.write(piece);
  writer.end();
}

/** Answers what never became a request (RFC 9112 section 2.2: garbage, headers too large), and closes. */
export function sendRaw(socket: Duplex, reply: Reply): void {
  const bytes = reply.content.kind === "bytes" ? reply.content.bytes : new Uint8Array();
  const lines = Object.entries(headersOf(reply, true)).map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ""}`, ...lines, "", ""];
  socket.write(head.join("\r\n"));
  socket.end(bytes);
}
