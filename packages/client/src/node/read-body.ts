// Reads the body of an answer as the socket brings it.
import type { IncomingMessage } from "node:http";

/**
 * Hands over each piece, the next one after `take` is done with it and no longer there from then on; resolves at the body's end, rejects where it is cut short.
 * Settles only when no `take` is running any more: what it writes to may be used for something else then.
 */
export function readBody(
  answer: IncomingMessage,
  take: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let taking: Promise<void> | undefined;
    let isOver = false;
    // What the socket has read: the parser, which comes first, hands on copies. Not before there is an answer: what cannot be parsed goes with the error.
    const { socket } = answer;
    socket.on("data", freeMemory);
    const settle = (task: () => void) => {
      isOver = true;
      socket.off("data", freeMemory);
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
        if (!taken) return freeMemory(piece);
        answer.pause();
        taking = taken;
        taken.then(() => {
          freeMemory(piece);
          answer.resume();
        }, fail);
      } catch (error) {
        fail(error);
      }
    });
    answer.on("end", () => settle(resolve));
    answer.on("error", fail);
    answer.on("close", () => fail(new Error("the answer was cut short")));
  });
}

/**
 * Node makes memory of its own for each read and again for each piece. The garbage collector sees only how much there is, and would mark the whole heap over and
 * over for bytes that nobody refers to.
 */
function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
