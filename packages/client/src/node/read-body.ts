// Reads the body of an answer as the socket brings it.
import type { IncomingMessage } from "node:http";

/** Hands over each piece, the next one after `take` is done with it; resolves at the body's end, rejects where it is cut short. */
export function readBody(
  answer: IncomingMessage,
  take: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      reject(error);
      answer.destroy();
    };
    answer.on("data", (piece: Uint8Array) => {
      try {
        const taken = take(piece);
        if (!taken) return;
        answer.pause();
        taken.then(() => answer.resume(), fail);
      } catch (error) {
        fail(error);
      }
    });
    answer.on("end", resolve);
    answer.on("error", reject);
    answer.on("close", () => reject(new Error("the answer was cut short")));
  });
}
