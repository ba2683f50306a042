// The bytes of one request, pulled out of a stream of the web platform: what a fetch-style host gives.
import type { Clock } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { bodyConsumed, connectionCut, type RequestBody } from "./body.ts";
import { type PaceRule, watchPace } from "./pace.ts";

export interface StreamBodyParts {
  readonly clock: Clock;
  readonly pace: PaceRule;
}

export function createStreamBody(request: Request, parts: StreamBodyParts): RequestBody {
  const { clock, pace } = parts;
  const isConsumed = request.bodyUsed || request.body?.locked === true;
  const reader = isConsumed ? undefined : request.body?.getReader();
  let held: Uint8Array | undefined;
  let isReading = false;
  let isOver = reader === undefined;
  let isInterrupted = false;
  let why: HoldfastError | undefined;
  const size = sizeOf(request);
  let received = 0;
  let lastByteAt = clock.monotonic();
  let endWatch: (() => void) | undefined;
  let wake: (() => void) | undefined;

  /** At most one piece is here at a time: the next is asked for when somebody waits. */
  function pull(): void {
    if (isReading || isOver || !reader) return;
    isReading = true;
    reader.read().then(onRead, () => cut(connectionCut()));
  }

  function onRead({ done, value }: { readonly done: boolean; readonly value?: unknown }): void {
    isReading = false;
    if (done) {
      // Some hosts end the stream of a connection that is gone as if that were the body's end.
      if (size !== undefined && received < size) cut(connectionCut());
      else end();
      return;
    }
    const bytes = bytesOf(value);
    if (!bytes) {
      stop(new HoldfastError("internal", "the host's body gives what is no bytes"));
      return;
    }
    lastByteAt = clock.monotonic();
    // A body ends where its size says, as it does in HTTP/1.1, whatever else a host may bring.
    const piece = bytes.subarray(0, (size ?? Number.POSITIVE_INFINITY) - received);
    received += piece.length;
    if (!isOver && piece.length > 0) held = piece;
    if (received === size) end();
    else change();
  }

  function change(): void {
    wake?.();
    wake = undefined;
  }

  async function changed(): Promise<void> {
    pull();
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }

  function begin(): void {
    if (isConsumed) why ??= bodyConsumed();
    if (isOver) return;
    endWatch ??= watchPace({
      ...{ clock, pace },
      received: () => received,
      isWaiting: () => wake !== undefined,
      onStalled: () => stop(new HoldfastError("body_stalled")),
    });
  }

  function end(): void {
    isOver = true;
    endWatch?.();
    change();
  }

  function cut(reason: HoldfastError): void {
    if (isOver) return;
    why ??= reason;
    end();
  }

  function stop(reason: HoldfastError): void {
    if (isOver && !held) return;
    why ??= reason;
    release();
  }

  function release(): void {
    held = undefined;
    const isEnded = isOver;
    end();
    // The host learns that nobody reads on. What it says to that is of no interest.
    if (!isEnded) reader?.cancel().catch(() => undefined);
  }

  return {
    size,
    isExact: size !== undefined,
    hasArrived: () => isOver,
    lastByteAt: () => lastByteAt,
    stopped: () => why,
    stop,
    cut,
    interrupt() {
      isInterrupted = true;
      change();
    },
    async ready() {
      begin();
      while (!held && !isOver) await changed();
      return held !== undefined;
    },
    async fill(into) {
      begin();
      isInterrupted = false;
      let at = 0;
      while (at < into.length) {
        while (!held && !isOver && !isInterrupted) await changed();
        if (!held) break;
        const taken = held.subarray(0, into.length - at);
        into.set(taken, at);
        at += taken.length;
        held = taken.length < held.length ? held.subarray(taken.length) : undefined;
      }
      return at;
    },
    // The connection is the host's.
    async discard() {
      release();
    },
    release,
  };
}

/** Undefined for anything else. Hosts that run handlers in a realm of their own give its `Uint8Array`, which is no instance of ours. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function sizeOf({ headers, body }: Request): number | undefined {
  const field = headers.get("content-length");
  if (field !== null && /^\d{1,15}$/.test(field)) return Number(field);
  return body === null ? 0 : undefined;
}
