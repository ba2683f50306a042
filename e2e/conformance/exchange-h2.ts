// The same requests over HTTP/2, a connection each: interim responses, trailers and cuts are frames of their own there.
import {
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { type Exchanger, framingOf, patienceOf, type Request, waitForIt } from "./exchange.ts";
import type { Outcome } from "./judge.ts";
import { type Field, type Head, valuesOf } from "./message.ts";

const TRICKLE_MS = 100;
const PIECE = 64 * 1024;
/** Whether that is too much is the server's to say. */
const HEADERS_SIZE_MAX = 1024 * 1024;

/** In the clear a server must speak it from the first byte on, without being asked. `patienceMs` is how long an answer may take. */
export function createH2Exchanger(patienceMs: number): Exchanger {
  return (request) => {
    const session = connect(request.url, { maxSendHeaderBlockLength: HEADERS_SIZE_MAX });
    const stream = session.request(fieldsOf(request), {
      endStream: false,
      waitForTrailers: trailersOf(request).length > 0,
    });
    stream.on("wantTrailers", () => stream.sendTrailers(Object.fromEntries(trailersOf(request))));
    const incoming = receive(stream, patienceOf(request, patienceMs));
    session.on("error", (error) => incoming.silence(error.message));
    incoming.outcome.then(() => session.destroy());
    const sent = send(stream, request, incoming).catch(() => undefined);
    return { sent, outcome: incoming.outcome, close: () => void session.destroy() };
  };
}

function trailersOf({ sending }: Request): readonly Field[] {
  return sending.kind === "chunked" ? sending.trailers : [];
}

/** Framing is HTTP/2's own: of what HTTP/1.1 says of it only sizes and announced trailers are left. */
function fieldsOf({ method, url, target, fields, body, sending }: Request) {
  const framing = framingOf(method, body, sending)
    .map((line): Field => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)])
    .filter(([name]) => name !== "Transfer-Encoding");
  const all = new Map<string, string>();
  for (const [name, value] of [...fields, ...framing]) all.set(name.toLowerCase(), value);
  return {
    ":method": method,
    ":path": target ?? `${url.pathname}${url.search}`,
    ...Object.fromEntries(all),
  };
}

interface Incoming {
  readonly outcome: Promise<Outcome>;
  interim(): readonly Head[];
  /** Resolves when there was an interim answer, or no more comes. */
  news(): Promise<void>;
  isOver(): boolean;
  silence(why: string): void;
}

function receive(stream: ClientHttp2Stream, patienceMs: number): Incoming {
  const interim: Head[] = [];
  const pieces: Buffer[] = [];
  const { promise: outcome, resolve } = Promise.withResolvers<Outcome>();
  let final: Head | undefined;
  let isOver = false;
  let next = Promise.withResolvers<void>();
  const tell = () => {
    next.resolve();
    next = Promise.withResolvers();
  };
  const settle = (end: Outcome) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    resolve(end);
    tell();
  };
  const silence = (why: string) => settle({ kind: "silence", why });
  const timer = setTimeout(() => {
    settle({ kind: "silence", why: `none within ${patienceMs / 1000} s`, isLate: true });
  }, patienceMs);
  const inform = (head: Head) => {
    interim.push(head);
    tell();
  };
  stream.on("headers", (fields) => inform(headOf(fields)));
  stream.on("response", (fields) => {
    final = headOf(fields);
  });
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  stream.on("end", () => {
    if (!final) return silence("the stream ended without an answer");
    const body = Buffer.concat(pieces).toString("utf8");
    settle({ kind: "answer", answer: { ...final, interim, body } });
  });
  stream.on("error", (error) => silence(error.message));
  stream.on("close", () => silence(`the stream was closed (${stream.rstCode})`));
  return {
    outcome,
    interim: () => interim,
    news: () => next.promise,
    isOver: () => isOver,
    silence,
  };
}

function headOf(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): Head {
  const fields = Object.entries(headers).flatMap(([name, value]): readonly Field[] => {
    if (name.startsWith(":") || value === undefined) return [];
    return [value].flat().map((one): Field => [name, String(one)]);
  });
  return { status: Number(headers[":status"]), fields };
}

async function send(
  stream: ClientHttp2Stream,
  { body, sending, arrived = waitForIt }: Request,
  incoming: Incoming,
): Promise<void> {
  switch (sending.kind) {
    case "length":
    case "chunked":
      return end(stream, body);
    case "held":
      await write(stream, body);
      return arrived();
    case "cut":
      await write(stream, body);
      await arrived();
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    case "continue":
      while (!incoming.isOver() && incoming.interim().every(({ status }) => status !== 100)) {
        await incoming.news();
      }
      return end(stream, body);
    case "trickle": {
      const hasCome = () =>
        incoming.interim().some((head) => valuesOf(head, sending.until).length > 0);
      for (let times = 0; times < sending.times && !hasCome() && !incoming.isOver(); times++) {
        await write(stream, body);
        await sleep(TRICKLE_MS);
      }
      return end(stream, "");
    }
    case "repeat":
      for (let times = 0; times < sending.times && !incoming.isOver(); times++) {
        await write(stream, body);
      }
      return end(stream, "");
  }
}

/** Resolves when the other end has room for it, too. */
function write(stream: ClientHttp2Stream, text: string): Promise<void> {
  if (text === "") return Promise.resolve();
  return new Promise((resolve, reject) => {
    stream.once("close", resolve);
    stream.write(text, "latin1", (error) => {
      stream.off("close", resolve);
      if (error) reject(error);
      else resolve();
    });
  });
}

async function end(stream: ClientHttp2Stream, text: string): Promise<void> {
  for (let at = 0; at < text.length; at += PIECE) await write(stream, text.slice(at, at + PIECE));
  stream.end();
}
