// A part on its way into a store of parts. It gathers in memory while there is room for all of it, so that it is verified before it goes out and can be sent again;
// else it streams, and so it does once others wait for the memory that a slow body would keep.
import { isHoldfastError, KIB, MIB } from "@holdfast/protocol";
import { bindParts } from "./bind.ts";
import type { Context } from "./context.ts";
import type { Filled } from "./intake.ts";
import { partsOf } from "./kinds.ts";
import { inPlace } from "./place-again.ts";
import type { BoundPart, PartBody } from "./ports.ts";
import type { Place } from "./records.ts";
import { SLOT_SIZE, type Slot } from "./slots.ts";
import type { Upload } from "./upload.ts";

/** Larger parts stream. */
const GATHERED_MAX: number = 8 * MIB;
/** Slots in which the parts of one upload gather: 64 MiB. */
const UPLOAD_SLOTS_MAX: number = (64 * MIB) / SLOT_SIZE;
/** Pieces of a stream that may wait for the store, beside the newest one. */
const QUEUED_MAX = 1;
/** Bytes in a piece of a stream where many stream: while the store takes nothing some four of them are kept of each, in memory of their own. */
const PIECE_CROWDED: number = 64 * KIB;
/** How often bytes that we have verified are sent to a store that says they are others. */
const SENDS_MAX = 3;

export interface Outgoing {
  /** Bytes that the next piece may have. */
  pieceMax(): number;
  /**
   * A slot for the bytes that come next. Nothing is waited for while the part holds slots of its own that nobody takes away: it begins to stream instead.
   * @throws HoldfastError `overloaded`
   */
  take(): Promise<Slot>;
  /** The next bytes; resolves when there is room for more. The last ones wait for `end`. @throws what the store answered meanwhile */
  push(filled: Filled): Promise<void>;
  /** All bytes are there and have the part's digest. Resolves when the store has the part durably. */
  end(): Promise<void>;
  /** Gives the part up; resolves when nothing of it is under way. Does nothing after `end`. */
  drop(why: unknown): Promise<void>;
}

/** Whether a part could gather now: the pool has room for all of it, and the upload has not had its share. */
export function canGather({ slots }: Context, upload: Upload, size: number): boolean {
  const count = slotsFor(size);
  const isSmall = size <= GATHERED_MAX && upload.gathering + count <= UPLOAD_SLOTS_MAX;
  return isSmall && slots.hasSpare(count);
}

/** Whether it could, once others of its upload are through. */
export function mayGatherLater(size: number): boolean {
  return size <= GATHERED_MAX;
}

function slotsFor(size: number): number {
  return Math.ceil(size / SLOT_SIZE);
}

/** Bytes that wait: in a slot of the pool, or in memory of their own. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly slot?: Slot;
}

type Stage = "gathering" | "streaming" | "ended" | "dropped";

export function createOutgoing(
  context: Context,
  upload: Upload,
  place: Place,
  part: BoundPart,
): Outgoing {
  const { slots, crowd } = context;
  const storage = partsOf(context);
  const stop = new AbortController();
  const hasRoom = canGather(context, upload, part.size);
  const reserved = hasRoom ? slotsFor(part.size) : 0;
  let stage: Stage = "gathering";
  let pieces: Piece[] = [];
  let pushed = 0;
  let failure: { readonly cause: unknown } | undefined;
  let sending: Promise<void> | undefined;
  let endGathering: (() => void) | undefined;
  let wake: (() => void)[] = [];

  upload.gathering += reserved;

  function changed(): void {
    const waiting = wake;
    wake = [];
    for (const resolve of waiting) resolve();
  }
  function change(): Promise<void> {
    return new Promise((resolve) => void wake.push(resolve));
  }

  function release(): void {
    for (const { slot } of pieces) if (slot) slots.give(slot);
    pieces = [];
    endGathering?.();
  }

  /** Memory of its own in place of a slot. */
  function owned({ bytes, slot }: Piece): Piece {
    if (!slot) return { bytes };
    const own = bytes.slice();
    slots.give(slot);
    return { bytes: own };
  }

  /** The newest piece stays until it is known whether all of them are right: so a store never has a part that is not. */
  async function* streamed(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      if (failure) throw failure.cause;
      const isLast = pieces.length === 1;
      const [first] = pieces;
      if (first && (!isLast || stage === "ended")) {
        pieces.shift();
        const { bytes } = owned(first);
        changed();
        yield bytes;
        continue;
      }
      if (stage === "ended") return;
      if (first) pieces[0] = owned(first);
      await change();
    }
  }

  function send(body: () => PartBody, times: number): void {
    sending = sendBound(body, times)
      .catch((cause: unknown) => {
        failure ??= { cause };
        throw failure.cause;
      })
      .finally(() => {
        upload.gathering -= reserved;
        release();
        changed();
      });
    // Whoever pushes or ends hears of it.
    sending.catch(() => undefined);
  }

  async function sendBound(body: () => PartBody, times: number): Promise<void> {
    await bindParts(context, upload, place, [part]);
    for (let time = 1; ; time++) {
      try {
        const put = () => storage.putPart(place, part, body(), stop.signal);
        return await inPlace(context, upload, place, put);
      } catch (error) {
        const isOther = isHoldfastError(error) && error.code === "digest_mismatch";
        if (!isOther || time >= times) throw error;
        context.log("warn", "part.flipped", { upload: upload.record.id, index: part.index });
      }
    }
  }

  /** From here on the store takes the bytes as they come, and the slots come back as fast as it does. */
  function stream(): void {
    if (stage !== "gathering") return;
    stage = "streaming";
    endGathering?.();
    send(() => ({ kind: "stream", pieces: streamed() }), 1);
  }

  if (!hasRoom) stream();

  return {
    pieceMax: () => (stage !== "gathering" && slots.isCrowded() ? PIECE_CROWDED : SLOT_SIZE),
    async take() {
      if (stage === "gathering") {
        const slot = slots.trySpare();
        if (slot) return slot;
        stream();
      }
      return crowd.take();
    },
    async push({ slot, size }) {
      pushed += size;
      const piece = { slot, bytes: slot.memory.subarray(0, size) };
      const isShort = size < SLOT_SIZE && pushed < part.size;
      if (stage === "gathering" && isShort) stream();
      if (stage === "gathering") {
        pieces.push(piece);
        endGathering ??= crowd.filling(stream);
        return;
      }
      pieces.push(owned(piece));
      changed();
      while (!failure && pieces.length > QUEUED_MAX + 1) await change();
      if (failure) throw failure.cause;
    },
    async end() {
      if (stage === "gathering") {
        stage = "ended";
        endGathering?.();
        const kept = pieces.map(({ bytes }) => bytes);
        send(() => ({ kind: "memory", pieces: kept }), SENDS_MAX);
      } else {
        stage = "ended";
        changed();
      }
      await sending;
    },
    async drop(why) {
      if (stage === "ended" || stage === "dropped") return;
      const wasGathering = stage === "gathering";
      stage = "dropped";
      failure ??= { cause: why };
      if (wasGathering) {
        upload.gathering -= reserved;
        release();
        return;
      }
      stop.abort();
      changed();
      await sending?.catch(() => undefined);
    },
  };
}
