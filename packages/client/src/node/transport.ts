// HTTP by node:http and node:https: bytes go out from the memory they were read into, and come in as the socket brings them.
import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { HoldfastError } from "@holdfast/protocol";
import { sizeOf } from "../body.ts";
import type { Body, Transport, TransportRequest, TransportResponse } from "../ports.ts";
import { createBulk, isBulk } from "./bulk.ts";
import { CONNECT_MS } from "./bulk-line.ts";
import { readBody } from "./read-body.ts";
import { reasonOf, rethrow } from "./transport-error.ts";
import { writeBody } from "./write-body.ts";

/** Idle connections that are kept. */
const IDLE_MAX = 16;
/** An answer to a request with a body is read into memory; nothing of ours is longer. */
const ANSWER_BYTES_MAX: number = 64 * 1024 * 1024;

export function createNodeTransport(): Transport {
  const agents = new Map<string, Agent>();
  const bulk = createBulk();
  return {
    tellsWhereTo: true,
    mayRepeat: false,
    async request(asked) {
      const body = await memoryOf(asked.body).catch(rethrow(asked.signal));
      asked.signal.throwIfAborted();
      const request = { ...asked, onConnected: once(asked.onConnected) };
      if (isBulk(request)) {
        const { signal } = request;
        const answer = await bulk.request(request).catch(rethrow(signal));
        if (answer !== "odd")
          return { ...answer, read: (take) => settled(answer.read(take), signal) };
      }
      const scheme = schemeOf(request.url);
      const { Agent, request: send } = scheme === "https:" ? httpsOfNode() : httpOfNode();
      const agent = agents.get(scheme) ?? new Agent({ keepAlive: true, maxFreeSockets: IDLE_MAX });
      agents.set(scheme, agent);
      const sent = send(request.url, {
        method: request.method,
        headers: { ...request.headers, ...(body ? lengthOf(body) : {}) },
        agent,
      });
      return exchange(sent, request, body);
    },
    prepare: (url) => bulk.prepare(url),
    close() {
      for (const agent of agents.values()) agent.destroy();
      bulk.close();
    },
  };
}

function schemeOf(url: string): "http:" | "https:" {
  return url.startsWith("https:") ? "https:" : "http:";
}

// Only where they are needed, and not by `import`: that makes each of their exports, one of which is another client as large as all of them. It is as long as the rest of a command's start.
const httpOfNode = () => process.getBuiltinModule("node:http");
const httpsOfNode = () => process.getBuiltinModule("node:https");

/** Of a Blob too, which only browsers send as it is. One that cannot be read is a request that failed, as there: why, its source tells when it is read next. */
async function memoryOf(body: Body | undefined): Promise<readonly Uint8Array[] | undefined> {
  return body && "size" in body ? [new Uint8Array(await body.arrayBuffer())] : body;
}

function lengthOf(body: Body): Readonly<Record<string, string>> {
  return { "content-length": String(sizeOf(body)) };
}

async function exchange(
  sent: ClientRequest,
  request: TransportRequest,
  body: readonly Uint8Array[] | undefined,
): Promise<TransportResponse> {
  const { signal } = request;
  const abort = () => {
    if (body) dropUnsent(sent);
    sent.destroy(reasonOf(signal));
  };
  signal.addEventListener("abort", abort, { once: true });
  sent.on("close", () => signal.removeEventListener("abort", abort));
  limitConnecting(sent);
  tellConnection(sent, request.onConnected);
  const answered = answerOf(sent);
  if (!body) {
    sent.end();
    const answer = await answered.catch(rethrow(signal));
    return responseOf(answer, signal);
  }
  const writing = writeBody(sent, body, request);
  try {
    const answer = await answered;
    // It may come before the body is through; then there is no sense in sending the rest, and the connection is of no more use.
    const isPartial = writing.stop();
    const pieces = await collect(answer);
    requireWanted(signal);
    if (isPartial) sent.destroy();
    return memoryResponse(answer, pieces);
  } catch (error) {
    sent.destroy();
    return rethrow(signal)(error);
  } finally {
    await writing.settled;
  }
}

/**
 * What the kernel has taken of a body, it would go on sending after the connection is closed, for as long as a slow line needs for that: a reset drops it.
 * Under TLS there is no such thing.
 */
function dropUnsent({ socket, protocol }: ClientRequest): void {
  if (socket && !socket.destroyed && protocol !== "https:") socket.resetAndDestroy();
}

/** A question that is asked in another way has a second connection, of which nobody needs to hear. */
function once(tell: TransportRequest["onConnected"]): TransportRequest["onConnected"] {
  let isTold = false;
  return (connection) => {
    if (!isTold) tell(connection);
    isTold = true;
  };
}

function settled(reading: Promise<void>, signal: AbortSignal): Promise<void> {
  return reading.then(() => requireWanted(signal), rethrow(signal));
}

/** Of an answer that has come whole and is ended before all of it was handed over, Node drops the rest and calls that its end. */
function requireWanted(signal: AbortSignal): void {
  if (signal.aborted) throw reasonOf(signal);
}

function limitConnecting(sent: ClientRequest): void {
  sent.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => sent.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`)),
      CONNECT_MS,
    );
    const clear = () => clearTimeout(timer);
    socket.once("connect", clear);
    socket.once("close", clear);
  });
}

/** Under TLS there is a connection when that has shaken hands. */
function tellConnection(sent: ClientRequest, tell: TransportRequest["onConnected"]): void {
  sent.once("socket", (socket) => {
    if (sent.reusedSocket) tell("reused");
    else socket.once(sent.protocol === "https:" ? "secureConnect" : "connect", () => tell("made"));
  });
}

function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.on("response", resolve);
    sent.on("error", reject);
    sent.on("close", () => reject(new Error("the connection was closed before an answer came")));
  });
}

function headerOf(answer: IncomingMessage, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function responseOf(answer: IncomingMessage, signal: AbortSignal): TransportResponse {
  return {
    status: answer.statusCode ?? 0,
    header: (name) => headerOf(answer, name),
    read: (take) => settled(readBody(answer, take), signal),
  };
}

/** The whole answer to a request with a body, so that the body's memory is free when the answer is handed over. */
async function collect(answer: IncomingMessage): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  await readBody(answer, (piece) => {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES_MAX) {
      throw new HoldfastError("not_holdfast", "the answer is longer than any of ours");
    }
    // A copy: not `slice`, which is a view where the piece is a Buffer.
    pieces.push(new Uint8Array(piece));
  });
  return pieces;
}

function memoryResponse(answer: IncomingMessage, pieces: readonly Uint8Array[]): TransportResponse {
  return {
    status: answer.statusCode ?? 0,
    header: (name) => headerOf(answer, name),
    async read(take) {
      for (const piece of pieces) await take(piece);
    },
  };
}
