// A long body straight from its connection into the memory where it is wanted: node:http reads 64 KiB at a time, and hands out a copy.
import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";

/** Where the bytes go. */
export interface Sink {
  /** Bytes that nobody had made room for. They are lent: what is not used at once must be copied. */
  take(piece: Uint8Array): void;
  /** So many more bytes lie at the beginning of what `room` gave last. */
  fill(size: number): void;
  /** Memory that waits for bytes. It is written to when some come, until they fill it, or `leave` is called: it must stand as long. */
  room(): Uint8Array | undefined;
}

export interface Straight {
  pause(): void;
  resume(): void;
  /** What comes goes through node:http again, and nothing is written to any room. */
  leave(): void;
}

/** What node:http keeps to itself of its parser. */
interface Parser {
  execute(piece: Uint8Array): unknown;
  consume(handle: Handle): void;
  unconsume(): void;
}

/** What node:net keeps to itself of a connection. */
interface Handle {
  /** Bytes that have come in all. */
  readonly bytesRead: number;
  /** Called when bytes have come, or the end, or an error. What it gives is read into from then on. */
  onread: (this: Handle, memory: unknown) => unknown;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): void;
  readStop(): void;
}

interface Insides {
  readonly parser: Parser;
  readonly handle: Handle;
  /** The name under which the parser has what it calls with pieces of a body. */
  readonly onBody: number;
}

/**
 * While no room is there, reads are this small: the next room is known as soon as whoever reads has looked at what filled the last one. One for all
 * connections: it is read into and looked at in one go.
 */
const LENT: Uint8Array = Buffer.allocUnsafeSlow(4096);
/** Those whose bytes would go to `LENT` where nobody else reads them: always, once they have gone straight and do so no more. */
const lending = new WeakSet<Handle>();

/**
 * Takes the next `remaining` bytes of the connection, all of them of the body, past node:http. Its parser is told of them, but makes no pieces: it knows where
 * the body ends, and goes on with the next request. Undefined where that cannot be: then they come as always.
 *
 * Node offers to read into a buffer of one's own to clients only (`onread` of `net.connect`); a server's connection has the same underneath.
 * To be called while nothing is being parsed, and node:http holds no bytes of the body.
 */
export function goStraight(
  req: IncomingMessage,
  remaining: number,
  sink: Sink,
): Straight | undefined {
  const insides = insidesOf(req);
  if (!insides) return undefined;
  const { parser, handle, onBody } = insides;
  const { socket } = req;
  const before = handle.onread;
  let left = remaining;
  let seen = handle.bytesRead;
  let into = LENT;
  let isLent = true;
  let isOver = false;

  handle.onread = function onread(memory) {
    const size = handle.bytesRead - seen;
    // The end of the connection, or an error.
    if (size === 0) return before.call(this, memory);
    seen += size;
    left -= size;
    const piece = into.subarray(0, size);
    if (isLent) sink.take(piece);
    else sink.fill(size);
    tellParser(piece);
    if (left === 0) {
      // As the next one finds it that goes straight on this connection.
      [into, isLent] = [LENT, true];
      leave();
      return into;
    }
    const room = sink.room();
    isLent = room === undefined;
    // Never beyond the body: what follows is the next request.
    into = (room ?? LENT).subarray(0, left);
    return into;
  };
  parser.unconsume();
  if (!lending.has(handle)) lendTo(handle);
  // Whoever is sent no pieces still waits for the end.
  req.resume();
  handle.readStart();

  function tellParser(piece: Uint8Array): void {
    const listener: unknown = Reflect.get(parser, onBody);
    Reflect.set(parser, onBody, undefined);
    try {
      const outcome = parser.execute(piece);
      if (outcome instanceof Error) socket.destroy(outcome);
    } catch (error) {
      // Somebody who listens has failed. The next bytes would go where these went, and whoever lent that may have it back by now.
      socket.destroy();
      throw error;
    } finally {
      // It is used again for other connections.
      Reflect.set(parser, onBody, listener);
    }
    // As node:http does, for whoever has set a timeout.
    Reflect.get(socket, "_unrefTimer").call(socket);
  }

  function leave(): void {
    if (isOver) return;
    isOver = true;
    handle.onread = before;
    if (socket.destroyed) return;
    // Whoever has begun to listen to the connection itself, in place of the parser, has missed bytes.
    if (Reflect.get(parser, "_consumed") !== true) return void socket.destroy();
    // What lies below the parser is read into again where the parser goes: it must not be memory that is somebody else's by then.
    if (into !== LENT) lendTo(handle);
    parser.consume(handle);
    if (Reflect.get(handle, "reading") === true) handle.readStart();
  }

  return {
    pause: () => handle.readStop(),
    resume: () => handle.readStart(),
    leave,
  };
}

/** What comes goes to `LENT` from now on, where nobody else reads it. */
function lendTo(handle: Handle): void {
  handle.useUserBuffer(LENT);
  lending.add(handle);
}

/** Undefined where this is another Node than we know, or no Node at all; with TLS; where somebody else listens, or may take the connection over; and on a system that fills memory that it was given before. */
function insidesOf(req: IncomingMessage): Insides | undefined {
  const { socket } = req;
  if (process.platform === "win32" || socket.destroyed) return undefined;
  if (req.listenerCount("data") > 1 || Reflect.get(req, "upgrade")) return undefined;
  if (Reflect.get(socket, "encrypted") || Reflect.get(socket, "_paused")) return undefined;
  if (mayBeTakenOver(Reflect.get(socket, "server"))) return undefined;
  const parser: unknown = Reflect.get(socket, "parser");
  const handle: unknown = Reflect.get(socket, "_handle");
  if (!isParser(parser) || !isHandle(handle)) return undefined;
  if (Reflect.get(parser, "_consumed") !== true || Reflect.get(parser, "incoming") !== req) {
    return undefined;
  }
  const onBody: unknown = Reflect.get(parser.constructor, "kOnBody");
  const canRefresh = typeof Reflect.get(socket, "_unrefTimer") === "function";
  return typeof onBody === "number" && canRefresh ? { parser, handle, onBody } : undefined;
}

/** Whether a later request may make another protocol of the connection: its bytes would not reach whoever speaks that through what we leave behind. */
function mayBeTakenOver(server: unknown): boolean {
  if (!(server instanceof EventEmitter)) return true;
  return server.listenerCount("upgrade") > 0 || server.listenerCount("connect") > 0;
}

function isParser(value: unknown): value is Parser {
  return hasFunctions(value, ["execute", "consume", "unconsume"]);
}

function isHandle(value: unknown): value is Handle {
  return (
    hasFunctions(value, ["onread", "useUserBuffer", "readStart", "readStop"]) &&
    typeof Reflect.get(value, "bytesRead") === "number"
  );
}

function hasFunctions(value: unknown, names: readonly string[]): value is object {
  if (typeof value !== "object" || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}
