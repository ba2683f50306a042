// The parts of one run on their way into a store of parts: several under way at once, every one of them accounted for.
import type { Context } from "./context.ts";
import { canGather, createOutgoing, mayGatherLater, type Outgoing } from "./outgoing.ts";
import type { BoundPart } from "./ports.ts";
import type { Place } from "./records.ts";
import type { Upload } from "./upload.ts";

export interface Sender {
  /**
   * A part whose bytes come now. Where its upload has had its share of memory, it waits for those of this run that are going out: they wait for nobody here.
   * @throws what the first part that did not get through met: there is no point in reading on.
   */
  begin(part: BoundPart): Promise<Outgoing>;
  /** Resolves when nothing is under way any more, whatever came of it. */
  settle(): Promise<void>;
}

export function createSender(context: Context, upload: Upload, place: Place): Sender {
  const sending = new Set<Promise<void>>();
  let failure: { readonly cause: unknown } | undefined;

  function follow(sent: Promise<void>): Promise<void> {
    const settled = sent
      .catch((cause: unknown) => {
        failure ??= { cause };
      })
      .then(() => void sending.delete(settled));
    sending.add(settled);
    return sent;
  }

  return {
    async begin(part) {
      const { size } = part;
      while (sending.size > 0 && mayGatherLater(size) && !canGather(context, upload, size)) {
        await Promise.race(sending);
      }
      if (failure) throw failure.cause;
      const outgoing = createOutgoing(context, upload, place, part);
      return { ...outgoing, end: () => follow(outgoing.end()) };
    },
    async settle() {
      await Promise.all(sending);
    },
  };
}
