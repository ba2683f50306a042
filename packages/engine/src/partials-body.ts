// The bytes of partials, one after the other, as the body of an append. Each part is compared with its digest before its last bytes are handed on.
import {
  equalBytes,
  HoldfastError,
  partSizeAt,
  toHoldfastError,
  type UploadId,
} from "@holdfast/protocol";
import { digestOf } from "./claims.ts";
import type { Context } from "./context.ts";
import type { Body, RunningDigest } from "./ports.ts";
import { createPartReader, damaged, type PartReader } from "./read-partial.ts";
import { sealPartial } from "./seal-partial.ts";
import type { Upload } from "./upload.ts";

/** A part of a partial on its way. */
interface ReadPart {
  readonly upload: Upload;
  readonly index: number;
  /** Bytes of it that have been read. */
  at: number;
  readonly digest: RunningDigest;
  readonly reader: PartReader;
}

export interface PartialsBody extends Body {
  /** Lets go of what is being read, wherever that has come. */
  close(): void;
}

/** @param from Bytes from the beginning that are not wanted any more. */
export function createPartialsBody(
  context: Context,
  partials: readonly UploadId[],
  from: number,
): PartialsBody {
  const parts = partsOfAll(context, partials);
  let part: ReadPart | undefined;
  let toSkip = from;
  let sealed: UploadId | undefined;
  let isInterrupted = false;
  let why: HoldfastError | undefined;

  function stop(reason: HoldfastError): void {
    why ??= reason;
    part?.reader.interrupt();
  }

  /** Each one once before its first byte. */
  async function seal(id: UploadId): Promise<void> {
    if (sealed === id) return;
    await context.uploads.use(id, (upload) => sealPartial(context, upload));
    sealed = id;
  }

  /** The part that the next byte lies in; undefined at the end. Those that are not wanted at all are not read. */
  async function next(): Promise<ReadPart | undefined> {
    while (!why && (!part || part.at === wholeOf(part))) {
      const { value } = await parts.next();
      part = value ?? undefined;
      if (!part) return undefined;
      // What it has brought stands, and the next start goes on behind it.
      if (context.isDraining) stop(new HoldfastError("shutting_down"));
      if (toSkip >= wholeOf(part)) {
        toSkip -= wholeOf(part);
        part.at = wholeOf(part);
      } else if (!why) {
        await seal(part.upload.record.id);
        await skip(context, part, toSkip, () => !why);
        toSkip = 0;
      }
    }
    return why ? undefined : part;
  }

  /** What is there at once; nothing at the end, or where it was interrupted. */
  async function pull(into: Uint8Array): Promise<number> {
    const current = await next();
    if (!current || !(await current.reader.ready())) return 0;
    return readOn(current, into.subarray(0, wholeOf(current) - current.at));
  }

  async function isThere(): Promise<boolean> {
    for (let current = await next(); current && !why; current = await next()) {
      if (await current.reader.ready()) return true;
    }
    return false;
  }

  return {
    isExact: false,
    async ready() {
      try {
        return await isThere();
      } catch (cause) {
        stop(toHoldfastError(cause));
        return false;
      }
    },
    async fill(into) {
      let done = 0;
      isInterrupted = false;
      try {
        while (done < into.length && !isInterrupted) {
          const size = await pull(into.subarray(done));
          if (size === 0) break;
          done += size;
        }
      } catch (cause) {
        stop(toHoldfastError(cause));
      }
      return done;
    },
    interrupt() {
      isInterrupted = true;
      part?.reader.interrupt();
    },
    lastByteAt: () => context.clock.monotonic(),
    stop,
    stopped: () => why,
    close: () => part?.reader.close(),
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
      const reader = createPartReader(context, upload.record, index);
      yield { upload, index, at: 0, digest, reader };
    }
  }
}

function wholeOf({ upload, index }: ReadPart): number {
  return partSizeAt(upload.record, index);
}

/** Reads what is not wanted any more, because the digest is over it too. */
async function skip(
  context: Context,
  part: ReadPart,
  bytes: number,
  isGoing: () => boolean,
): Promise<void> {
  while (part.at < bytes && isGoing()) {
    // Nobody holds memory while a store is silent.
    if (!(await part.reader.ready())) continue;
    const slot = await context.readSlots.take();
    try {
      await readOn(part, slot.memory.subarray(0, bytes - part.at));
    } finally {
      context.readSlots.give(slot);
    }
  }
}

/** @throws HoldfastError `storage_failed` where the stored bytes are not those that were committed: then none of these are to be used. */
async function readOn(part: ReadPart, into: Uint8Array): Promise<number> {
  const { upload, index, digest, reader } = part;
  const size = await reader.read(into);
  digest.update(into.subarray(0, size));
  part.at += size;
  if (part.at === wholeOf(part) && !equalBytes(digest.digest(), digestOf(upload, index))) {
    throw damaged(upload.record, index);
  }
  return size;
}
