// A dam between commands and a server: so many bytes of files come through it, and no more until it is opened. A command that writes a copy is where the test wants it then, however fast the machine is.
import { readFile } from "node:fs/promises";
import { request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import type { Command } from "@holdfast/testkit/process";
import { passOn, type Relay, startRelay } from "@holdfast/testkit/relay";
import { type Kind, movesBytes } from "./gate.ts";

export interface Dam extends Relay {
  /** So many bytes more come through. */
  hold(bytes: number): void;
  /** Everything comes through again. */
  open(): void;
}

export async function openDam(target: string, isOfFile: Kind = movesBytes): Promise<Dam> {
  let left = Number.POSITIVE_INFINITY;
  let waiting: (() => void)[] = [];

  function slice(piece: Buffer, push: (part: Buffer) => void, done: () => void): void {
    const part = piece.subarray(0, Math.min(piece.length, left));
    left -= part.length;
    push(part);
    if (part.length === piece.length) done();
    else waiting.push(() => slice(piece.subarray(part.length), push, done));
  }

  function passBytes(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "", headers } = request;
    const onward = forward(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      const dam = new Transform({
        transform(piece: Buffer, _encoding, done) {
          slice(
            piece,
            (part) => this.push(part),
            () => done(),
          );
        },
      });
      answer.on("error", () => response.destroy());
      answer.pipe(dam).pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    onward.end();
  }

  const relay = await startRelay((request, response) =>
    request.method === "GET" && isOfFile(request)
      ? passBytes(request, response)
      : passOn(target, request, response),
  );
  return {
    ...relay,
    hold(bytes) {
      left = bytes;
    },
    open() {
      left = Number.POSITIVE_INFINITY;
      const held = waiting;
      waiting = [];
      for (const go of held) go();
    },
  };
}

/** Which parts of 1 MiB of a file are as they are to be. */
export async function rightParts(path: string, wanted: Buffer): Promise<readonly number[]> {
  const there = await readFile(path).catch(() => Buffer.alloc(0));
  const count = Math.ceil(wanted.length / MIB);
  return Array.from({ length: count }, (_, index) => index).filter((index) => {
    const part = wanted.subarray(index * MIB, (index + 1) * MIB);
    return part.equals(there.subarray(index * MIB, index * MIB + part.length));
  });
}

/** Resolves when a command has so many parts right that it writes somewhere; rejects where it ends before. */
export async function written(
  command: Command,
  parts: number,
  look: () => Promise<readonly number[]>,
): Promise<void> {
  let isOver = false;
  void command.exit.then(() => {
    isOver = true;
  });
  while ((await look()).length < parts) {
    if (isOver) throw new Error(`it ended before ${parts} parts: ${command.stderr()}`);
    await sleep(20);
  }
}
