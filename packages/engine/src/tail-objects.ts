// The tail where a storage takes whole parts: immutable objects, each one written under a name of its own before a record names it.
import { encodeHex, HoldfastError, ID_BYTES, MIB, toHoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { tokenOf } from "./host-claim.ts";
import { partsOf } from "./kinds.ts";
import type { Tail, TailObject } from "./records.ts";
import type { Upload } from "./upload.ts";

/** The largest object of a tail, in bytes. */
export const TAIL_BYTES: number = 8 * MIB;
/** A tail of more objects is made one of fewer as it grows: one that comes byte by byte would have millions. */
const OBJECTS_MAX = 8;

/** Bytes that follow on some that are stored. */
export interface NextBytes {
  /** Objects whose bytes come first. */
  readonly objects: readonly TailObject[];
  readonly pieces: readonly Uint8Array[];
}

/** Stores bytes as the next object of a tail; resolves when they are durable. Nobody knows of it before a record does. */
export async function putTailObject(
  context: Context,
  upload: Upload,
  bytes: NextBytes,
): Promise<TailObject> {
  const { id, home } = upload.record;
  const size = sizeOf(bytes);
  const all = new Uint8Array(size);
  let at = 0;
  for await (const piece of joined(context, upload, bytes)) {
    all.set(piece, at);
    at += piece.length;
  }
  const name = nameUnder(tokenOf(context, upload), context.random.bytes(ID_BYTES));
  await partsOf(context).objects.put({ kind: "tail", id, name, home }, all);
  return { name, size };
}

/** What a claim is known by; none where there is one server only. */
type Token = ReturnType<typeof tokenOf>;

/** Says under which claim it was stored. */
function nameUnder({ token = 0 }: Token, random: Uint8Array): string {
  return `${token}-${encodeHex(random)}`;
}

/**
 * Which tails no record names, nor ever will, once an upload has all of its parts under a claim: those of that claim and of all before it. A later claim may
 * have opened the upload again, and what it stored is its own.
 */
export function spentUnder({ token }: Token): (name: string) => boolean {
  return (name) => token === undefined || Number.parseInt(name, 10) <= token;
}

function sizeOf({ objects, pieces }: NextBytes): number {
  const stored = objects.reduce((sum, { size }) => sum + size, 0);
  return pieces.reduce((sum, { length }) => sum + length, stored);
}

/** The objects that hold the beginning of a part. */
export function tailObjectsOf({ record: { tail } }: Upload, index: number): readonly TailObject[] {
  return tail?.index === index ? (tail.objects ?? []) : [];
}

/** Which objects stay as they are when bytes are added, and which go into the new one: small ones behind one another, so that each byte is written again a few times at most. */
export function splitTail(
  objects: readonly TailObject[],
  added: number,
): { readonly kept: readonly TailObject[]; readonly merged: readonly TailObject[] } {
  let count = objects.length;
  let size = added;
  if (count >= OBJECTS_MAX) {
    for (let last = objects[count - 1]; last; last = objects[count - 1]) {
      if (last.size > size || last.size + size > TAIL_BYTES) break;
      size += last.size;
      count--;
    }
  }
  return { kept: objects.slice(0, count), merged: objects.slice(count) };
}

/** Bytes that are stored and those that come behind them, in order. @throws HoldfastError `storage_failed` where stored ones are missing. */
export async function* joined(
  context: Context,
  upload: Upload,
  { objects, pieces }: NextBytes,
): AsyncGenerator<Uint8Array, void, void> {
  for (const { name, size } of objects) {
    let left = size;
    for await (const piece of readTailObject(context, upload, { name, size })) {
      left -= piece.length;
      yield piece;
    }
    if (left > 0) throw new HoldfastError("storage_failed", "bytes of a tail are missing");
  }
  yield* pieces;
}

/** What is there of an object. */
export function readTailObject(
  context: Context,
  { record: { id, home } }: Upload,
  { name, size }: TailObject,
): AsyncIterable<Uint8Array> {
  const object = { kind: "tail", id, name, home } as const;
  return partsOf(context).objects.read(object, { start: 0, end: size });
}

/** Removes what no record names any more, or never did. What cannot be removed now goes with the upload, or before its file is published. */
export async function dropTailObjects(
  context: Context,
  { record: { id, home } }: Upload,
  objects: readonly TailObject[],
): Promise<void> {
  const { storage, log } = context;
  if (objects.length === 0 || storage.kind !== "parts") return;
  const removals = objects.map(async ({ name }) => {
    try {
      await storage.objects.remove({ kind: "tail", id, name, home });
    } catch (cause) {
      log("warn", "tail.left", { upload: id, name, cause });
    }
  });
  await Promise.all(removals);
}

/** Whether a change that was rejected with this may have happened all the same: what a crash has left is known at the next start only. */
export function isUnknown(cause: unknown): boolean {
  return toHoldfastError(cause).code === "storage_failed";
}

/** What the record keeps of a part that is not whole. */
export function tailOfObjects(
  { index, size, digest }: Pick<Tail, "index" | "size" | "digest">,
  objects: readonly TailObject[],
): Tail {
  return { index, size, digest, fragment: new Uint8Array(), objects };
}
