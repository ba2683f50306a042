// What a worker that digests does: it takes a part piece by piece, and gives back each piece, the digest after the last, or why there can be none.
import { type Algorithm, toHoldfastError } from "@holdfast/protocol";
import type { Hasher } from "../ports.ts";
import type { FromHasher, ToHasher } from "./hash-messages.ts";
import { encodeError } from "./messages.ts";

/** Serves whoever has the other end of the port. */
export function serveHasher(
  port: MessagePort,
  load: (algorithm: Algorithm) => Promise<() => Hasher>,
): void {
  let hasher: Hasher | undefined;

  async function take({ algorithm, piece, isFirst, isLast }: ToHasher): Promise<FromHasher> {
    try {
      // The one who sends waits for the answer: nothing comes meanwhile.
      if (isFirst) hasher = (await load(algorithm))();
      hasher?.update(piece);
      const digest = isLast && hasher ? new Uint8Array(hasher.digest()) : undefined;
      return { piece, digest };
    } catch (error) {
      // Nobody hears of what is thrown here: the digest would be waited for without end.
      return { piece, digest: undefined, error: encodeError(toHoldfastError(error)) };
    }
  }

  port.onmessage = async ({ data }: MessageEvent<ToHasher>) => {
    const answer = await take(data);
    port.postMessage(answer, [answer.piece.buffer]);
  };
}
