// How far its bytes are durable, told to whoever sends them while they come.
import type { Append, Clock } from "@holdfast/engine";
import type { SpokenVersion } from "@holdfast/protocol";
import type { Request } from "../request.ts";

/** Not more often than this, in milliseconds: who is told twice as often knows no more. */
const PROGRESS_MS = 1_000;

export const UPLOAD_RESUMPTION_SUPPORTED = 104;

export function progressOf(
  { clock }: { readonly clock: Clock },
  { inform }: Request,
  { codec, stamp }: SpokenVersion,
): Pick<Append, "onCommitted"> {
  if (!inform || !stamp) return {};
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    onCommitted(offset) {
      const fields = codec.progressFields(offset);
      const now = clock.monotonic();
      if (!fields || now - toldAt < PROGRESS_MS) return;
      toldAt = now;
      inform(UPLOAD_RESUMPTION_SUPPORTED, { ...fields, ...stamp });
    },
  };
}
