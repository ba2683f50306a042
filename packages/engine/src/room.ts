// Room on the storage: below the low-water mark nothing new is begun, so that what has begun can go on.
import { HoldfastError } from "@holdfast/protocol";
import type { Clock, Storage } from "./ports.ts";

export interface Room {
  /**
   * For verbs that begin something, and what this will store at once, in bytes.
   * @throws HoldfastError `storage_full` where that ends below the mark; `storage_failed`
   */
  require(size?: number): Promise<void>;
  /** Bytes that may still be stored, and whether that is below the mark. */
  look(): Promise<{ readonly room: number; readonly isLow: boolean }>;
}

/** How long an answer of the storage holds, in milliseconds: a thousand creates a second need not ask a thousand times. */
const FRESH_MS = 250;

interface RoomParts {
  readonly storage: Storage;
  readonly clock: Clock;
  /** The low-water mark in bytes. */
  readonly keepFree: number;
}

export function createRoom({ storage, clock, keepFree }: RoomParts): Room {
  /** Only good news is kept: room that was made counts at once. */
  let plenty: { readonly at: number; readonly room: number } | undefined;

  async function look(): Promise<{ readonly room: number; readonly isLow: boolean }> {
    // Nobody can say how much an object store takes.
    if (storage.kind === "parts") return { room: Number.MAX_SAFE_INTEGER, isLow: false };
    const at = clock.monotonic();
    if (plenty && at - plenty.at < FRESH_MS) return { room: plenty.room, isLow: false };
    const room = await storage.room();
    const isLow = room < keepFree;
    plenty = isLow ? undefined : { at, room };
    return { room, isLow };
  }

  return {
    look,
    async require(size = 0) {
      if (keepFree === 0 && size === 0) return;
      if ((await look()).room >= keepFree + size) return;
      plenty = undefined;
      const { room } = await look();
      if (room >= keepFree + size) return;
      throw new HoldfastError("storage_full", undefined, { room, keepFree });
    },
  };
}
