// What the bytes of a request come out of: node:http or node:http2, each with ways of its own.
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Clock } from "@holdfast/engine";
import { goStraight, type Sink, type Straight } from "./straight.ts";

/** What a body comes out of. */
export interface BodySource {
  readonly stream: Readable;
  /** Bytes that the body says it has, where it says so. */
  readonly size: number | undefined;
  /** Whether all of it has reached this process. */
  isComplete(): boolean;
  /** Whether its connection can bring no more. */
  isGone(): boolean;
  /** What ends or closes with the connection. */
  readonly connection: Pick<Readable, "on" | "off">;
  /** Brings what is left of the body, so many bytes, where they are wanted, without a copy; undefined where that cannot be. */
  goStraight(remaining: number, sink: Sink): Straight | undefined;
}

export function fromRequest(req: IncomingMessage): BodySource {
  return {
    stream: req,
    size: sizeOf(req),
    isComplete: () => req.complete,
    isGone: () => req.destroyed || req.socket.readableEnded || req.socket.destroyed,
    connection: req.socket,
    goStraight: (remaining, sink) => goStraight(req, remaining, sink),
  };
}

/**
 * Frees the memory of a chunk that has been copied: node:http makes one of 64 KiB for each read, and the garbage collector, which sees only how much
 * there is, would mark the whole heap fifty times for each GiB that passes.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Hands what node:http has parsed and not yet given out to the listener, at once. */
export function drainStream(req: Readable): void {
  let chunk: unknown;
  do chunk = req.read();
  while (chunk !== null);
}

/** Reads on and drops what comes, as long and as much as it may. */
export async function discardRest(
  { stream: req, connection }: BodySource,
  clock: Clock,
  { ms, bytes }: { readonly ms: number; readonly bytes: number },
): Promise<void> {
  await new Promise<void>((resolve) => {
    let dropped = 0;
    const callOff = clock.after(ms, finish);
    function onData(chunk: Uint8Array): void {
      dropped += chunk.length;
      if (dropped > bytes) finish();
    }
    function finish(): void {
      callOff();
      req.off("data", onData).off("end", finish);
      connection.off("close", finish).off("end", finish);
      resolve();
    }
    req.on("data", onData).on("end", finish);
    connection.on("close", finish).on("end", finish);
    req.resume();
  });
}

/** node:http has checked that it is digits, and cuts the body there; beside a transfer coding, which only a lenient parser lets through, it says nothing (RFC 9112 section 6.3). */
function sizeOf(req: IncomingMessage): number | undefined {
  if (req.headers["transfer-encoding"] !== undefined) return undefined;
  return Number(req.headers["content-length"] ?? 0);
}
