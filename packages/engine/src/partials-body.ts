// The bytes of partials, one after the other, as the body of an append. Each part is compared with its digest before its last bytes are handed on.
import {
  equalBytes,
  HoldfastError,
  partOffset,
  partSizeAt,
  toHoldfastError,
  type UploadId,
} from "@holdfast/protocol";
import { digestOf } from "./claims.ts";
import type { Context } from "./context.ts";
import { regionsOf } from "./kinds.ts";
import type { Body, RunningDigest } from "./ports.ts";
import type { Upload } from "./upload.ts";

/** A part of a partial on its way. */
interface ReadPart {
  readonly upload: Upload;
  readonly index: number;
  /** Bytes of it that have been read. */
  at: number;
  readonly digest: RunningDigest;
}

/** @param from Bytes from the beginning that are not wanted any more. */
export function createPartialsBody(
  context: Context,
  partials: readonly UploadId[],
  from: number,
): Body {
  const parts = partsOfAll(context, partials);
  let part: ReadPart | undefined;
  let toSkip = from;
  let why: HoldfastError | undefined;

  function stop(reason: HoldfastError): void {
    why ??= reason;
  }

  /** The part that the next byte lies in; undefined at the end. Those that are not wanted at all are not read. */
  async function next(): Promise<ReadPart | undefined> {
    while (!why && (!part || part.at === wholeOf(part))) {
      const { value } = await parts.next();
      part = value ?? undefined;
      if (!part) return undefined;
      if (toSkip >= wholeOf(part)) {
        toSkip -= wholeOf(part);
        part.at = wholeOf(part);
      } else if (toSkip > 0) {
        await skip(context, part, toSkip);
        toSkip = 0;
      }
    }
    return why ? undefined : part;
  }

  async function pull(into: Uint8Array): Promise<number> {
    const current = await next();
    if (!current) return 0;
    const wanted = into.subarray(0, wholeOf(current) - current.at);
    await readOn(context, current, wanted);
    return wanted.length;
  }

  return {
    isExact: false,
    async ready() {
      try {
        return (await next()) !== undefined;
      } catch (cause) {
        stop(toHoldfastError(cause));
        return false;
      }
    },
    async fill(into) {
      let done = 0;
      try {
        while (done < into.length) {
          const size = await pull(into.subarray(done));
          if (size === 0) break;
          done += size;
        }
      } catch (cause) {
        stop(toHoldfastError(cause));
      }
      return done;
    },
    interrupt: () => undefined,
    lastByteAt: () => context.clock.monotonic(),
    stop,
    stopped: () => why,
  };
}

async function* partsOfAll(
  context: Context,
  partials: readonly UploadId[],
): AsyncGenerator<ReadPart, void, void> {
  for (const id of partials) {
    const upload = await context.uploads.use(id, async (found) => found);
    const { partCount } = upload.committed;
    for (let index = 0; index < partCount; index++) {
      const digest = context.digests.create(upload.record.algorithm);
      yield { upload, index, at: 0, digest };
    }
  }
}

function wholeOf({ upload, index }: ReadPart): number {
  return partSizeAt(upload.record, index);
}

/** Reads what is not wanted any more, because the digest is over it too. */
async function skip(context: Context, part: ReadPart, bytes: number): Promise<void> {
  const slot = await context.readSlots.take();
  try {
    while (part.at < bytes) await readOn(context, part, slot.memory.subarray(0, bytes - part.at));
  } finally {
    context.readSlots.give(slot);
  }
}

/** @throws HoldfastError `storage_failed` where the stored bytes are not those that were committed: then none of these are to be used. */
async function readOn(context: Context, part: ReadPart, into: Uint8Array): Promise<void> {
  const { upload, index, digest } = part;
  const { record } = upload;
  const object = { id: record.id, kind: "bytes" } as const;
  const size = await regionsOf(context).read(object, partOffset(record, index) + part.at, into);
  if (size < into.length) throw damaged(part);
  digest.update(into);
  part.at += size;
  if (part.at === wholeOf(part) && !equalBytes(digest.digest(), digestOf(upload, index))) {
    throw damaged(part);
  }
}

function damaged({ upload, index }: ReadPart): HoldfastError {
  const message = `part ${index} of partial ${upload.record.id} is not as it was committed`;
  return new HoldfastError("storage_failed", message, { isDamaged: true });
}
