// How much of their bodies the streams of HTTP/2 may send before it is read. It waits in memory, beside the pool of slots: many streams have a small window each,
// and where peers that have not heard of it fill all of theirs, the bodies of which most waits are refused.
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Clock } from "@holdfast/engine";
import { HoldfastError, KIB, MIB } from "@holdfast/protocol";
import type { RequestBody } from "./body.ts";

/** 64 KiB, as it is by default, are a megabyte a second over a line of 64 ms. */
export const STREAM_WINDOW: number = MIB;
const STREAM_WINDOW_CROWDED: number = 64 * KIB;
/** Windows grow again after so long with fewer streams, in milliseconds: not to and fro with every one of them. */
const CALM_MS = 5_000;
const LOOK_MS = 50;
/** Seconds until it is worth asking again. */
const RETRY_AFTER_S = 2;

export interface WindowRule {
  /** More streams with bodies than that have the small window. */
  readonly streamsMax: number;
  /** Bytes that may wait to be read, of all streams. */
  readonly unreadMax: number;
}

export const WINDOWS: WindowRule = { streamsMax: 64, unreadMax: 128 * MIB };

export interface Windows {
  /** A connection is told of the window that its streams have, until it closes. */
  join(session: ServerHttp2Session): void;
  /** A stream counts until it closes. */
  enter(stream: ServerHttp2Stream, body: Pick<RequestBody, "stop" | "release">): void;
}

export function createWindows(clock: Clock, rule: WindowRule = WINDOWS): Windows {
  const sessions = new Set<ServerHttp2Session>();
  const bodies = new Map<ServerHttp2Stream, Pick<RequestBody, "stop" | "release">>();
  let isCrowded = false;
  let isLooking = false;
  let callOff: (() => void) | undefined;

  function change(): void {
    if (bodies.size > rule.streamsMax) {
      stopWaiting();
      become(true);
    } else if (isCrowded && sessions.size > 0) {
      callOff ??= clock.after(CALM_MS, () => {
        callOff = undefined;
        become(false);
      });
    }
  }

  function stopWaiting(): void {
    callOff?.();
    callOff = undefined;
  }

  function become(crowded: boolean): void {
    if (isCrowded === crowded) return;
    isCrowded = crowded;
    for (const session of sessions) tell(session);
  }

  /** A connection that leaves ten of these unacknowledged is closed by node:http2. */
  function tell(session: ServerHttp2Session): void {
    if (session.destroyed || session.closed) return;
    session.settings({ initialWindowSize: isCrowded ? STREAM_WINDOW_CROWDED : STREAM_WINDOW });
  }

  /** The one timer, and only while there are streams enough to fill that memory. */
  function look(): void {
    isLooking = bodies.size * STREAM_WINDOW > rule.unreadMax;
    if (!isLooking) return;
    makeRoom();
    clock.after(LOOK_MS, look);
  }

  function makeRoom(): void {
    let unread = 0;
    for (const stream of bodies.keys()) unread += stream.readableLength;
    if (unread <= rule.unreadMax) return;
    const largest = [...bodies].sort(([a], [b]) => b.readableLength - a.readableLength);
    for (const [stream, body] of largest) {
      if (unread <= rule.unreadMax) return;
      unread -= stream.readableLength;
      body.stop(new HoldfastError("overloaded", undefined, { retryAfter: RETRY_AFTER_S }));
      body.release();
      // With nobody to take it, what is there and what comes is thrown away.
      stream.resume();
    }
  }

  return {
    join(session) {
      sessions.add(session);
      session.on("close", () => {
        sessions.delete(session);
        if (sessions.size > 0) return;
        stopWaiting();
        isCrowded = false;
      });
      if (isCrowded) tell(session);
    },
    enter(stream, body) {
      if (stream.endAfterHeaders || stream.closed) return;
      bodies.set(stream, body);
      stream.on("close", () => {
        bodies.delete(stream);
        change();
      });
      change();
      if (!isLooking) look();
    },
  };
}
