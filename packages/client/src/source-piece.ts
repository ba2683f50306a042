// A piece of the source in memory, to be digested, and what a request sends of it.
import { HoldfastError } from "@holdfast/protocol";
import type { Body, Loaded } from "./ports.ts";
import { type Job, openedOf } from "./upload-job.ts";

export interface Piece {
  readonly bytes: Uint8Array;
  readonly body: Body;
  /** Ends what needs the memory but for sending; true where that gives it back at once, since the body is not made of it. */
  digested(): boolean;
  /** Once nothing refers to the memory any more. May be repeated. */
  giveBack(): void;
}

/** Reads from the source as it was when it was opened. @throws HoldfastError `source_changed`, `source_unreadable` */
export async function readPiece(job: Job, offset: number, size: number): Promise<Piece> {
  const { source } = openedOf(job);
  const piece = source.load
    ? ofItsOwn(await source.load(offset, size))
    : await intoOurs(job, offset, size);
  try {
    if (await source.isChanged()) throw new HoldfastError("source_changed");
  } catch (error) {
    piece.giveBack();
    throw error;
  }
  return piece;
}

async function intoOurs(job: Job, offset: number, size: number): Promise<Piece> {
  const { source } = openedOf(job);
  const bytes = job.buffers.take(size);
  const giveBack = once(() => job.buffers.give(bytes));
  try {
    await source.read(offset, bytes);
  } catch (error) {
    giveBack();
    throw error;
  }
  return { bytes, body: [bytes], digested: () => false, giveBack };
}

function ofItsOwn({ bytes, body, free }: Loaded): Piece {
  const giveBack = once(free);
  const digested = () => {
    giveBack();
    return true;
  };
  return { bytes, body, digested, giveBack };
}

function once(task: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) task();
    isDone = true;
  };
}
