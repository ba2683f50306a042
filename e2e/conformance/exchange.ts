// One HTTP/1.1 request on a socket of its own, sent exactly as a row says: half of a body, trailers, a header's case. No client in between that means well.
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { connect as connectSecurely } from "node:tls";
import type { Outcome } from "./judge.ts";
import { type Field, valuesOf } from "./message.ts";
import { type Incoming, receive } from "./receive.ts";
import type { Sending } from "./row.ts";

/** A request with nothing left to fill in. */
export interface Request {
  readonly method: string;
  readonly url: URL;
  /** Stands in the request line for the URL's path. */
  readonly target?: string;
  readonly fields: readonly Field[];
  readonly body: string;
  readonly sending: Exclude<Sending, { readonly kind: "exceed" }>;
  /** Resolves once a body that is held or cut is where it is sent to; without it, it is given some time. */
  readonly arrived?: (() => Promise<void>) | undefined;
}

export interface Exchange {
  /** Resolves once what the row wants sent is with the kernel; a held body is then still open. */
  readonly sent: Promise<void>;
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  close(): void;
}

export type Exchanger = (request: Request) => Exchange;

const READ_SIZE = 64 * 1024;
const TRICKLE_MS = 100;
const ARRIVES_MS = 200;

/** For bytes of which nobody can tell whether they have arrived. */
export function waitForIt(): Promise<void> {
  return sleep(ARRIVES_MS);
}

/** `patienceMs` is how long an answer may take. */
export function createExchanger(patienceMs: number): Exchanger {
  return (request) => {
    const socket = open(request.url);
    const incoming = receive(socket, request.method, patienceOf(request, patienceMs));
    // Where the server answers before it has read everything, the answer counts and not the broken pipe behind it.
    const sent = send(socket, request, incoming).catch(() => undefined);
    return { sent, outcome: incoming.outcome, close: () => void socket.destroy() };
  };
}

/** What a row wants waits as long as it wants. */
export function patienceOf({ sending }: Request, usualMs: number): number {
  return (sending.kind === "held" ? sending.patienceMs : undefined) ?? usualMs;
}

/** Only plain connections are read to their end where a write has failed. */
function open(url: URL): Socket {
  const isSecure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port || (isSecure ? 443 : 80));
  const socket = isSecure
    ? connectSecurely({ host, port, servername: host, ALPNProtocols: ["http/1.1"] })
    : connectPatiently(host, port);
  return socket.setNoDelay(true);
}

/**
 * A connection on which a write fails has been reset, and Node closes it at once, with what has come before the reset and nobody has read: the answer of a
 * server that wants no more of a body. Here it is closed a look later. It is read by `onread`, because after an error a stream hands out nothing.
 */
function connectPatiently(host: string, port: number): Socket {
  const buffer = Buffer.alloc(READ_SIZE);
  const socket: Socket = connect({ host, port, onread: { buffer, callback } });
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error?: NodeJS.ErrnoException) => {
    if (error?.syscall !== "write") return destroy(error);
    // The kernel is asked between two of these.
    setImmediate(() => setImmediate(() => destroy(error)));
    return socket;
  };
  return socket;

  function callback(size: number): boolean {
    return socket.emit("data", Buffer.from(buffer.subarray(0, size)));
  }
}

async function send(socket: Socket, request: Request, incoming: Incoming): Promise<void> {
  const { body, sending, arrived = waitForIt } = request;
  await write(socket, headOf(request));
  switch (sending.kind) {
    case "length":
      return write(socket, body);
    case "held":
      await write(socket, body);
      // What comes next comes by another connection, and could be there before.
      return arrived();
    case "cut":
      await write(socket, body);
      // Bytes that come together with the end of their connection are easily thrown away with it; those of a line that breaks came before.
      await arrived();
      // Half-closed, so that what was sent arrives: a reset could overtake it.
      socket.end();
      return;
    case "chunked": {
      const trailers = sending.trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      return write(socket, `${chunk(body)}0\r\n${trailers}\r\n`);
    }
    case "continue":
      await incoming.until(() => incoming.interim().some((head) => head.status === 100));
      if (!incoming.isOver()) await write(socket, body);
      return;
    case "trickle": {
      const hasCome = () =>
        incoming.interim().some((head) => valuesOf(head, sending.until).length > 0);
      for (let times = 0; times < sending.times && !hasCome() && !incoming.isOver(); times++) {
        await write(socket, chunk(body));
        await sleep(TRICKLE_MS);
      }
      return write(socket, "0\r\n\r\n");
    }
    case "repeat":
      for (let times = 0; times < sending.times && !incoming.isOver(); times++) {
        await write(socket, chunk(body));
        // What the kernel takes at once leaves no turn to look at what comes back (RFC 9112 section 9.5: whoever sends watches for an answer).
        await nextTurn();
      }
      if (!incoming.isOver()) await write(socket, "0\r\n\r\n");
      return;
  }
}

function headOf({ method, url, target, fields, body, sending }: Request): string {
  const lines = [
    `${method} ${target ?? `${url.pathname}${url.search}`} HTTP/1.1`,
    `Host: ${url.host}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    ...framingOf(method, body, sending),
    "Connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** How a body is delimited, in header lines of HTTP/1.1. */
export function framingOf(
  method: string,
  body: string,
  sending: Request["sending"],
): readonly string[] {
  switch (sending.kind) {
    case "chunked": {
      const names = sending.trailers.map(([name]) => name).join(", ");
      return ["Transfer-Encoding: chunked", ...(names === "" ? [] : [`Trailer: ${names}`])];
    }
    case "trickle":
    case "repeat":
      return ["Transfer-Encoding: chunked"];
    case "cut":
    case "held":
      return [`Content-Length: ${sending.size}`];
    case "continue":
      return [`Content-Length: ${body.length}`, "Expect: 100-continue"];
    case "length":
      return body === "" && ["HEAD", "GET", "OPTIONS", "DELETE"].includes(method)
        ? []
        : [`Content-Length: ${body.length}`];
  }
}

function chunk(body: string): string {
  return body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`;
}

function write(socket: Socket, text: string): Promise<void> {
  if (text === "") return Promise.resolve();
  return new Promise((resolve, reject) => {
    socket.write(text, "latin1", (error) => (error ? reject(error) : resolve()));
  });
}
