// A reply as a stream of the web platform, which its host reads when it likes: or does not, or stops to.
import { HoldfastError } from "@holdfast/protocol";
import type { Front } from "./front.ts";
import { type PaceRule, pieceMs } from "./pace.ts";
import { logFailure } from "./reply.ts";
import { logSlowReader } from "./writer.ts";

/** Asks for a piece only when somebody reads: a host may drop a response, as for a HEAD that it makes a GET, and nothing was begun then. */
export function streamOf(
  { replies, clock, log }: Pick<Front, "replies" | "clock" | "log">,
  open: (gone: AbortSignal) => AsyncGenerator<Uint8Array, void, void>,
  pace: PaceRule,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const pieces = open(gone.signal);
  let leave: (() => void) | undefined;
  let callOff: () => void = () => undefined;

  /** Lets go of everything. A piece may be on its way from the disk: nobody waits for that. */
  function letGo(): void {
    callOff();
    leave?.();
    gone.abort();
    pieces.return().catch((error: unknown) => logFailure(log, error));
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        callOff();
        leave ??= replies.enter(() => {
          letGo();
          controller.error(new HoldfastError("shutting_down"));
        });
        try {
          const { done, value } = await pieces.next();
          if (gone.signal.aborted) return;
          if (done) {
            leave();
            return controller.close();
          }
          // Each piece is valid until the next one is asked for, and the stream keeps what it is given for longer.
          controller.enqueue(value.slice());
          callOff = clock.after(pieceMs(pace, value.length), () => {
            logSlowReader(log);
            letGo();
            controller.error(new HoldfastError("body_stalled", "the reply is read too slowly"));
          });
        } catch (error) {
          leave();
          logFailure(log, error);
          controller.error(error);
        }
      },
      cancel: letGo,
    },
    { highWaterMark: 0 },
  );
}
