// What a sweep did, or would do, on the wire.
import { type Fields, fieldsOf, wholeAt } from "./read.ts";

/** Numbers and sizes in bytes; an upload of unknown size counts with the most it may become. */
export interface Swept {
  readonly count: number;
  readonly bytes: number;
}

export interface SweepReport {
  /** True where nothing was done: these are what would go. */
  readonly isDryRun: boolean;
  /** Open uploads whose time was over. */
  readonly expired: Swept;
  /** Ended uploads whose bytes were still in the storage. */
  readonly removed: Swept;
  /** Hidden files whose bytes were still in the storage. */
  readonly erased: Swept;
  /** Records of uploads that ended a day ago. */
  readonly forgotten: Swept;
  /** Objects in the storage that an upload or a file which has come to its end has left there. */
  readonly left: Swept;
  /** Objects in the storage that no record knows: they stay, unless they are asked to go. */
  readonly unrecorded: Swept;
  /** What could not be done now: it stays for the next sweep, and the server's log says why. */
  readonly failed: number;
  /** False where it stopped before it was through: the next one goes on. */
  readonly isWhole: boolean;
  /** True where nothing was ended by time: the server's clock has jumped, and is not believed yet. */
  readonly isHeld: boolean;
}

export function encodeSweep(report: SweepReport): object {
  return report;
}

/** @throws HoldfastError `invalid_request` naming the field: what answered is no Holdfast server, or a newer one. */
export function decodeSweep(value: unknown): SweepReport {
  const fields = fieldsOf(value, "sweep");
  return {
    isDryRun: fields.get("isDryRun") === true,
    expired: sweptAt(fields, "expired"),
    removed: sweptAt(fields, "removed"),
    erased: sweptAt(fields, "erased"),
    forgotten: sweptAt(fields, "forgotten"),
    left: fields.has("left") ? sweptAt(fields, "left") : NONE,
    unrecorded: fields.has("unrecorded") ? sweptAt(fields, "unrecorded") : NONE,
    failed: wholeAt(fields, "failed"),
    isWhole: fields.get("isWhole") === true,
    isHeld: fields.get("isHeld") === true,
  };
}

/** A server that is older than these says nothing of them. */
const NONE: Swept = { count: 0, bytes: 0 };

function sweptAt(fields: Fields, name: string): Swept {
  const swept = fieldsOf(fields.get(name), name);
  return { count: wholeAt(swept, "count"), bytes: wholeAt(swept, "bytes") };
}
