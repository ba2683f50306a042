// What comes back on a socket, until it is a final answer or none can come.
import type { Socket } from "node:net";
import type { Outcome } from "./judge.ts";
import { type Head, readReceived } from "./message.ts";

export interface Incoming {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Interim answers so far. */
  interim(): readonly Head[];
  /** Resolves as soon as `test` holds, looked at whenever something came, or when no more comes. */
  until(test: () => boolean): Promise<void>;
  isOver(): boolean;
}

/** `patienceMs` is how long the final answer may take. */
export function receive(socket: Socket, method: string, patienceMs: number): Incoming {
  const pieces: Buffer[] = [];
  const over = Promise.withResolvers<Outcome>();
  let interim: readonly Head[] = [];
  let news = Promise.withResolvers<void>();
  let isOver = false;
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers();
  };
  const settle = (outcome: Outcome) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    socket.destroy();
    over.resolve(outcome);
    tell();
  };
  const silence = (why: string) => settle({ kind: "silence", why });
  const timer = setTimeout(() => {
    const why = `none within ${patienceMs / 1000} s`;
    settle({ kind: "silence", why, isLate: true });
  }, patienceMs);
  const read = (isEnded: boolean) => {
    if (isOver) return;
    try {
      const received = readReceived(Buffer.concat(pieces), method, isEnded);
      interim = received.isDone ? received.answer.interim : received.interim;
      if (received.isDone) settle({ kind: "answer", answer: received.answer });
      else tell();
    } catch (error) {
      silence(error instanceof Error ? error.message : String(error));
    }
  };
  socket.on("data", (piece: Buffer) => {
    pieces.push(piece);
    read(false);
  });
  socket.on("end", () => read(true));
  socket.on("error", (error) => silence(error.message));
  socket.on("close", () => silence("the connection was closed"));
  return {
    outcome: over.promise,
    interim: () => interim,
    isOver: () => isOver,
    async until(test) {
      while (!isOver && !test()) await news.promise;
    },
  };
}
