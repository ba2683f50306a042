// Reads and writes of a sink's file: all the bytes that are asked for, wherever the system stops on the way.
import type { FileHandle } from "node:fs/promises";
import { HoldfastError } from "@holdfast/protocol";
import { errnoOf, messageOf } from "./errno.ts";

/** @throws HoldfastError `sink_failed` */
export function failed(error: unknown): never {
  const details = { cause: errnoOf(error) };
  throw new HoldfastError("sink_failed", messageOf(error), details, error);
}

/** Resolves with how many bytes there were. @throws HoldfastError `sink_failed` */
export async function readFull(
  handle: FileHandle,
  offset: number,
  into: Uint8Array,
): Promise<number> {
  let at = 0;
  while (at < into.length) {
    const { bytesRead } = await handle.read(into, at, into.length - at, offset + at).catch(failed);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at;
}

/** @throws HoldfastError `sink_failed` */
export async function writeFull(
  handle: FileHandle,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle
      .write(bytes, at, bytes.length - at, offset + at)
      .catch(failed);
    at += bytesWritten;
  }
}
