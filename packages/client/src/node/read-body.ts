// Reads the body of an answer as the socket brings it.
import type { IncomingMessage } from "node:http";

/**
 * Hands over each piece, the next one after `take` is done with it; resolves at the body's end, rejects where it is cut short.
 * Settles only when no `take` is running any more: what it writes to may be used for something else then.
 *
 * The memory of a piece is left to the garbage collector, though to detach it at once would save much of its work: whoever else in this process looks at the same
 * answer, or has made it, would lose bytes.
 */
export function readBody(
  answer: IncomingMessage,
  take: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let taking: Promise<void> | undefined;
    let isOver = false;
    const settle = (task: () => void) => {
      isOver = true;
      if (taking) taking.then(task, task);
      else task();
    };
    const fail = (error: unknown) => {
      if (isOver) return;
      settle(() => reject(error));
      answer.destroy();
    };
    answer.on("data", (piece: Uint8Array) => {
      if (isOver) return;
      try {
        const taken = take(piece);
        if (!taken) return;
        answer.pause();
        taking = taken;
        taken.then(() => answer.resume(), fail);
      } catch (error) {
        fail(error);
      }
    });
    answer.on("end", () => settle(resolve));
    answer.on("error", fail);
    answer.on("close", () => fail(new Error("the answer was cut short")));
  });
}
