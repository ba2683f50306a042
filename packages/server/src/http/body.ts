// The bytes of one request, pulled out of node:http or node:http2: each chunk is copied once, straight to where the engine wants it.
import type { Body, Clock } from "@holdfast/engine";
import { HoldfastError, MIB } from "@holdfast/protocol";
import { type BodySource, discardRest, drainStream, freeMemory } from "./body-source.ts";
import { type PaceRule, watchPace } from "./pace.ts";
import type { Sink, Straight } from "./straight.ts";

export interface BodyParts {
  readonly clock: Clock;
  readonly pace: PaceRule;
  /** Called once, before the first byte is waited for: the moment to ask a client for the body that it holds back (`Expect: 100-continue`). */
  readonly onFirstRead?: (() => void) | undefined;
}

export interface RequestBody extends Body {
  /** What Content-Length says, in bytes; undefined for a chunked body. */
  readonly size: number | undefined;
  /** Whether all of it has reached this process, read or not. */
  hasArrived(): boolean;
  /** The sender is gone or its framing broken: what came before is still given out, then the body ends. */
  cut(why: HoldfastError): void;
  /** Reads on and drops what comes: resolves at the end of the body or the connection, after `ms`, or after `bytes`. */
  discard(limits: { readonly ms: number; readonly bytes: number }): Promise<void>;
  /** Nobody will read any more. */
  release(): void;
}

/** What is left of a body must be worth it. */
const STRAIGHT_MIN: number = MIB;

interface Filling {
  readonly into: Uint8Array;
  at: number;
  readonly settle: (filled: number) => void;
}

export function createRequestBody(source: BodySource, parts: BodyParts): RequestBody {
  const { clock, pace } = parts;
  const { stream: req, size } = source;
  // What came while nobody waited: never more than the rest of one chunk and another chunk, then the socket is paused.
  const held: Uint8Array[] = [];
  let heldFrom = 0;
  let filling: Filling | undefined;
  let wake: ((hasBytes: boolean) => void) | undefined;
  let phase: "unread" | "reading" | "over" = "unread";
  let why: HoldfastError | undefined;
  let received = 0;
  let lastByteAt = clock.monotonic();
  let callOff: (() => void) | undefined;
  let straight: Straight | undefined;
  let mayGoStraight = size !== undefined;

  const sink: Sink = {
    take(piece) {
      note(piece.length);
      const taken = filling ? pour(piece, filling) : 0;
      if (taken < piece.length) hold(Uint8Array.from(piece), taken);
    },
    fill(count) {
      note(count);
      if (!filling) return;
      filling.at += count;
      if (filling.at === filling.into.length) settleFilling();
    },
    room: () => filling?.into.subarray(filling.at),
  };

  /** At a moment when nothing is being parsed. */
  function considerStraight(): void {
    if (!mayGoStraight || bytesLeft() < STRAIGHT_MIN) return;
    mayGoStraight = false;
    setImmediate(() => {
      if (phase !== "reading" || bytesLeft() < STRAIGHT_MIN) return;
      // What node:http still has must come first.
      if (req.readableLength > 0) mayGoStraight = true;
      else straight = source.goStraight(bytesLeft(), sink);
    });
  }

  function bytesLeft(): number {
    return (size ?? 0) - received;
  }

  function leaveStraight(): void {
    straight?.leave();
    straight = undefined;
  }

  function goOn(): void {
    if (straight) straight.resume();
    else if (req.isPaused()) req.resume();
  }

  function note(count: number): void {
    received += count;
    lastByteAt = clock.monotonic();
  }

  function onData(chunk: Uint8Array): void {
    note(chunk.length);
    const taken = filling ? pour(chunk, filling) : 0;
    if (taken === chunk.length) freeMemory(chunk);
    else hold(chunk, taken);
  }

  function hold(chunk: Uint8Array, taken: number): void {
    if (held.push(chunk) === 1) heldFrom = taken;
    // The rest of a chunk pauses nothing: whoever took the beginning is back before the next chunk, most of the time.
    if (wake) wakeWith(true);
    else if (taken > 0) return;
    else if (straight) straight.pause();
    else req.pause();
  }

  function pour(chunk: Uint8Array, target: Filling): number {
    const size = Math.min(chunk.length, target.into.length - target.at);
    target.into.set(size === chunk.length ? chunk : chunk.subarray(0, size), target.at);
    target.at += size;
    if (target.at === target.into.length) settleFilling();
    return size;
  }

  function pourHeld(into: Uint8Array): number {
    let at = 0;
    for (let piece = held[0]; piece && at < into.length; piece = held[0]) {
      const taken = piece.subarray(heldFrom, heldFrom + into.length - at);
      into.set(taken, at);
      at += taken.length;
      heldFrom += taken.length;
      if (heldFrom < piece.length) break;
      held.shift();
      heldFrom = 0;
      freeMemory(piece);
    }
    return at;
  }

  function settleFilling(): void {
    const settled = filling;
    filling = undefined;
    // Whoever gets less than it made room for may use it for something else at once.
    if (settled && settled.at < settled.into.length) leaveStraight();
    settled?.settle(settled.at);
  }

  function wakeWith(hasBytes: boolean): void {
    const settle = wake;
    wake = undefined;
    settle?.(hasBytes);
  }

  function begin(): void {
    if (phase !== "unread") return;
    if (req.readableDidRead && size !== 0) {
      stop(bodyConsumed());
      return;
    }
    phase = "reading";
    // A stream of node:http2 that has nothing in it tells of its end whoever listens.
    if (req.readableEnded) {
      end();
      return;
    }
    req.on("data", onData);
    req.on("end", end);
    req.on("close", onClose);
    callOff = watchPace({
      ...{ clock, pace },
      received: () => received,
      isWaiting: () => filling !== undefined || wake !== undefined,
      onStalled: () => stop(new HoldfastError("body_stalled")),
    });
    parts.onFirstRead?.();
  }

  function end(): void {
    phase = "over";
    callOff?.();
    leaveStraight();
    settleFilling();
    wakeWith(held.length > 0);
  }

  function onClose(): void {
    if (!source.isComplete()) cut(connectionCut());
  }

  function cut(reason: HoldfastError): void {
    if (phase === "over") return;
    why ??= reason;
    if (phase === "reading") drainStream(req);
    end();
  }

  function stop(reason: HoldfastError): void {
    if (phase === "over" && held.length === 0) return;
    why ??= reason;
    held.length = 0;
    req.pause();
    end();
  }

  return {
    size,
    isExact: size !== undefined,
    hasArrived: source.isComplete,
    interrupt: settleFilling,
    lastByteAt: () => lastByteAt,
    stopped: () => why,
    stop,
    cut,
    ready() {
      begin();
      if (held.length > 0) return Promise.resolve(true);
      if (phase === "over") return Promise.resolve(false);
      return new Promise((resolve) => {
        wake = resolve;
        goOn();
      });
    },
    fill(into) {
      begin();
      const at = pourHeld(into);
      if (at === into.length || phase === "over") return Promise.resolve(at);
      return new Promise((resolve) => {
        filling = { into, at, settle: resolve };
        goOn();
        considerStraight();
      });
    },
    async discard(limits) {
      release();
      if (!source.isComplete() && !source.isGone()) await discardRest(source, clock, limits);
    },
    release,
  };

  function release(): void {
    phase = "over";
    held.length = 0;
    callOff?.();
    leaveStraight();
    req.off("data", onData);
  }
}

export function bodyConsumed(): HoldfastError {
  return new HoldfastError("body_consumed");
}

export function connectionCut(): HoldfastError {
  return new HoldfastError("body_size_mismatch", "the connection was cut before the body's end");
}
