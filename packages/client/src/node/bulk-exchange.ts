// One question and its answer on a connection of ours: the head is read here, the body goes where whoever asked wants it.
import type { TransportRequest, TransportResponse } from "../ports.ts";
import { type AnswerHead, decodePlainHead } from "./answer-head.ts";

/** The connection, as far as an exchange has a say in it. */
export interface Carrier {
  /** Reads on, after `arrived` was false. */
  resume(): void;
  /** The answer has come whole: the connection may be used again within so many milliseconds. */
  release(keptMs: number): void;
  /** Good for nothing any more; `closed` is told in the end. */
  destroy(): void;
}

export interface Exchange {
  /** "odd" where the answer is none that can be read here: the question has to be asked another way. */
  readonly answered: Promise<TransportResponse | "odd">;
  /** Where the next bytes are to go; asked after each `arrived`, and not before what that gave was taken. */
  memory(): Uint8Array;
  /** The next bytes are there. False where there must be no more before `resume`. */
  arrived(piece: Uint8Array): boolean;
  fail(cause: unknown): void;
  /** Nothing writes to anybody's memory any more. */
  closed(cause: Error | undefined): void;
}

/** Longer heads nobody sends. */
const HEAD_SIZE_MAX: number = 64 * 1024;
const NOTHING: Uint8Array = new Uint8Array();

interface Reading {
  readonly take: (piece: Uint8Array) => void | Promise<void>;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/** @param own What the head is read into, and what of the body `room` has no place for. */
export function createExchange(
  carrier: Carrier,
  own: Uint8Array,
  room: NonNullable<TransportRequest["room"]>,
): Exchange {
  const { promise: answered, resolve, reject } = Promise.withResolvers<TransportResponse | "odd">();
  let text = "";
  let head: AnswerHead | undefined;
  /** What came behind the head. */
  let rest = NOTHING;
  /** Bytes of the body that have come. */
  let at = 0;
  let reading: Reading | undefined;
  let taking: Promise<void> | undefined;
  let failure: { readonly cause: unknown } | undefined;
  let isOver = false;

  function fail(cause: unknown): void {
    if (isOver || failure) return;
    failure = { cause };
    carrier.destroy();
  }

  function readHead(piece: Uint8Array): boolean {
    text += Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0 && text.length <= HEAD_SIZE_MAX) return true;
    head = end < 0 ? undefined : decodePlainHead(text.slice(0, end));
    if (!head) {
      resolve("odd");
      carrier.destroy();
      return false;
    }
    rest = piece.subarray(piece.length - (text.length - end - 4));
    const { status, fields } = head;
    resolve({ status, header: (name) => fields.get(name), read });
    return false;
  }

  function read(take: Reading["take"]): Promise<void> {
    return new Promise((done, failed) => {
      reading = { take, resolve: done, reject: failed };
      if (isOver) failed(failure?.cause);
      else if (!failure && hand(rest)) carrier.resume();
    });
  }

  /** Whether the next bytes may come. */
  function hand(piece: Uint8Array): boolean {
    at += piece.length;
    if (head && at > head.size) fail(new Error("the answer is longer than it said"));
    if (failure) return false;
    try {
      const taken = piece.length === 0 ? undefined : reading?.take(piece);
      if (!taken) {
        endIfWhole();
        return true;
      }
      taking = taken;
      taken.then(() => {
        taking = undefined;
        if (failure || isOver) return;
        endIfWhole();
        carrier.resume();
      }, fail);
    } catch (cause) {
      fail(cause);
    }
    return false;
  }

  function endIfWhole(): void {
    if (!head || at < head.size) return;
    isOver = true;
    carrier.release(head.keptMs);
    reading?.resolve();
  }

  return {
    answered,
    memory() {
      const left = head && reading && !isOver ? head.size - at : 0;
      const wanted = left > 0 ? room(at) : undefined;
      return wanted && wanted.length > 0 ? wanted.subarray(0, left) : own;
    },
    arrived: (piece) => (head ? hand(piece) : readHead(piece)),
    fail,
    closed(cause) {
      if (isOver) return;
      isOver = true;
      const why = head ? "the answer was cut short" : "the connection was closed before an answer";
      failure ??= { cause: cause ?? new Error(why) };
      const tell = (): void => {
        reject(failure?.cause);
        reading?.reject(failure?.cause);
      };
      if (taking) taking.then(tell, tell);
      else tell();
    },
  };
}
